"""Loading a pair: from folders, from a shape, and one line for everything that is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sad import pair, tiny
from sad.errors import UserError
from sad.recipe.schema import Recipe, parse


def recipe(folder: Path, **changes: Any) -> Recipe:
    tree: dict[str, Any] = {
        "teacher": {"model": str(folder / "teacher")},
        "student": {"model": str(folder / "student")},
        "data": {"max_length": 32},
        **changes,
    }
    return parse(tree, "test")


def refused(of: Recipe) -> str:
    with pytest.raises(UserError) as caught:
        pair.load(of)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_pair_from_folders_is_the_pair_that_was_saved(pair_folder: Path) -> None:
    found, made = pair.load(recipe(pair_folder)), tiny.pair()
    assert torch.equal(tiny.weights(found.teacher), tiny.weights(made.teacher))
    assert torch.equal(tiny.weights(found.student), tiny.weights(made.student))
    assert found.readers.teacher.fingerprint == made.readers.teacher.fingerprint
    assert torch.equal(found.vocab.index, made.vocab.index)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_both_models_have_eager_attention_where_maps_are_compared(pair_folder: Path, weight: float) -> None:
    found = pair.load(recipe(pair_folder, terms={"attention": {"compare": "maps", "weight": weight}}))
    models: tuple[Any, Any] = (found.student, found.teacher)
    assert {m.config._attn_implementation for m in models} == {"eager" if weight else "sdpa"}


def test_a_model_is_given_where_one_of_the_two_is_there() -> None:
    model = tiny.pair().teacher
    assert [pair.Given(teacher=model).any, pair.Given(student=model).any] == [True, True]
    assert not pair.Given(teacher_tokenizer="t", student_tokenizer="s").any


def test_the_teacher_is_frozen_and_the_student_trains(pair_folder: Path) -> None:
    found = pair.load(recipe(pair_folder), torch.bfloat16)
    assert not any(p.requires_grad for p in found.teacher.parameters())
    assert not any(module.training for module in found.teacher.modules())
    assert {p.dtype for p in found.teacher.parameters()} == {torch.bfloat16}
    assert all(p.requires_grad for p in found.student.parameters())
    assert {p.dtype for p in found.student.parameters()} == {torch.float32}


def test_a_fresh_student_is_of_the_shape_and_of_the_seed(pair_folder: Path) -> None:
    student = {"model": "random:3x64", "tokenizer": str(pair_folder / "student")}

    def weights(seed: int) -> torch.Tensor:
        made = pair.load(recipe(pair_folder, student=student, train={"seed": seed})).student
        config: Any = made.config
        assert (config.num_hidden_layers, config.hidden_size) == (3, 64)
        assert config.eos_token_id == tiny.tokenizer(320).eos_token_id
        return tiny.weights(made)

    state = torch.get_rng_state()
    first = weights(3)
    assert torch.equal(first, weights(3))
    assert not torch.equal(first, weights(4))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_fresh_student_can_read_the_windows(pair_folder: Path, tmp_path: Path) -> None:
    student = {"model": "random:1x32", "tokenizer": str(pair_folder / "student")}
    teacher = {"model": str(tmp_path)}
    long = tiny.model(tiny.reader(400).size, layers=1, width=16, seed=0, max_position_embeddings=8192)
    long.save_pretrained(tmp_path)
    tiny.tokenizer(400).save_pretrained(tmp_path)
    found = pair.load(recipe(pair_folder, student=student, teacher=teacher, data={"max_length": 4096}))
    config: Any = found.student.config
    assert config.max_position_embeddings >= 4096


def test_windows_longer_than_a_model_can_read_are_refused(pair_folder: Path) -> None:
    message = refused(recipe(pair_folder, data={"max_length": 513}))
    assert "512" in message
    assert "data.max_length" in message


@pytest.mark.parametrize("shape", ["random:2", "random:0x64", "random:2x0", "random:2x100", "random:x", "random:2x7"])
def test_a_shape_that_is_none_says_how_to_write_one(pair_folder: Path, shape: str) -> None:
    message = refused(recipe(pair_folder, student={"model": shape, "tokenizer": str(pair_folder / "student")}))
    assert shape in message


def test_a_fresh_student_needs_a_tokenizer(pair_folder: Path) -> None:
    assert "student.tokenizer" in refused(recipe(pair_folder, student={"model": "random:2x64"}))


def test_what_is_not_there(pair_folder: Path) -> None:
    missing = str(pair_folder / "nothing")
    assert (
        refused(recipe(pair_folder, teacher={"model": missing}))
        == f"no such folder: {missing}; name the folder that holds the model"
    )
    assert (
        refused(recipe(pair_folder, student={"model": missing}))
        == f"no such folder: {missing}; name the folder that holds the model"
    )
    message = refused(recipe(pair_folder, teacher={"model": "nobody/nothing"}))
    assert message.startswith("cannot load a causal language model from nobody/nothing: ")


def test_a_folder_that_holds_no_model(pair_folder: Path, tmp_path: Path) -> None:
    assert f"cannot load a causal language model from {tmp_path}" in refused(
        recipe(pair_folder, teacher={"model": str(tmp_path)})
    )
    assert f"{tmp_path} holds no tokenizer (tokenizer.json)" in refused(
        recipe(pair_folder, student={"model": "random:1x32", "tokenizer": str(tmp_path)})
    )


def test_a_broken_weights_file(pair_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(pair_folder / "teacher", broken)
    file = broken / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert "cannot load a causal language model" in refused(recipe(pair_folder, teacher={"model": str(broken)}))


@pytest.mark.parametrize("side", ["teacher", "student"])
def test_a_model_that_is_not_whole_is_not_filled_with_random_numbers(
    pair_folder: Path, tmp_path: Path, side: str
) -> None:
    shutil.copytree(pair_folder / side, tmp_path / side)
    tensors = load_file(tmp_path / side / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / side / "model.safetensors", {"format": "pt"})
    message = refused(recipe(pair_folder, **{side: {"model": str(tmp_path / side)}}))
    assert "lacks 1 weights of its model, model.layers.1.mlp.up_proj.weight" in message


@pytest.mark.parametrize("side", ["teacher", "student"])
def test_an_embedding_smaller_than_the_tokenizer_is_refused(pair_folder: Path, tmp_path: Path, side: str) -> None:
    tiny.model(100, layers=1, width=16, seed=0).save_pretrained(tmp_path / "small")
    tiny.tokenizer(400).save_pretrained(tmp_path / "small")
    message = refused(recipe(pair_folder, **{side: {"model": str(tmp_path / "small")}}))
    size = tiny.reader(400).size
    told = f"the {side}'s embedding has 100 rows, its tokenizer {size} tokens: not a pair"
    assert message == f"{told}; set {side}.tokenizer to its own"


def test_a_padded_embedding_is_welcome(pair_folder: Path, tmp_path: Path) -> None:
    tiny.model(512, layers=1, width=16, seed=0).save_pretrained(tmp_path / "padded")
    tiny.tokenizer(400).save_pretrained(tmp_path / "padded")
    found = pair.load(recipe(pair_folder, teacher={"model": str(tmp_path / "padded")}))
    assert found.vocab.teacher_size == tiny.reader(400).size < 512


NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(path: Path) -> Any:
    """Write a tiny Llama in 8 bits with its tokenizer; return the model."""
    made: Any = tiny.model(400, layers=2, width=64, seed=0, sharpness=8.0)
    config, tokenizer = made.config, tiny.tokenizer(400)
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=lambda token: vocabulary[token])
    file = gguf.GGUFWriter(str(path), "llama")
    file.add_context_length(config.max_position_embeddings)
    file.add_embedding_length(64)
    file.add_block_count(2)
    file.add_feed_forward_length(config.intermediate_size)
    file.add_head_count(2)
    file.add_head_count_kv(2)
    file.add_layer_norm_rms_eps(config.rms_norm_eps)
    file.add_vocab_size(400)
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("default")
    file.add_token_list(tokens)
    file.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    file.add_token_merges([" ".join(m) for m in json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]])
    file.add_eos_token_id(tokenizer.eos_token_id)
    for name, parameter in made.named_parameters():
        array = parameter.detach().numpy()
        _, _, *rest = name.removesuffix(".weight").split(".", 3)
        if len(rest) == 2 and rest[1] in ("self_attn.q_proj", "self_attn.k_proj"):
            # the format keeps the two halves of a rotated pair side by side
            array = array.reshape(2, 2, 16, 64).swapaxes(1, 2).reshape(64, 64)
        own = {"embed_tokens": "token_embd", "norm": "output_norm"}
        label = f"blk.{rest[0]}.{NAMES[rest[1]]}" if len(rest) == 2 else own[name.split(".")[1]]
        eight = gguf.GGMLQuantizationType.Q8_0
        if array.ndim == 2:
            file.add_tensor(
                f"{label}.weight", gguf.quants.quantize(np.ascontiguousarray(array), eight), raw_dtype=eight
            )
        else:
            file.add_tensor(f"{label}.weight", array)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return made


def test_a_teacher_in_a_gguf_file(pair_folder: Path, tmp_path: Path) -> None:
    made = write_gguf(tmp_path / "teacher.gguf")
    found = pair.load(recipe(pair_folder, teacher={"model": str(tmp_path / "teacher.gguf")}))
    ids = torch.tensor([[5, 6, 7, 8]])
    teacher: Any = found.teacher
    torch.testing.assert_close(teacher(ids).logits, made(ids).logits, rtol=0, atol=0.1)
    assert {p.dtype for p in teacher.to(torch.bfloat16).parameters()} == {torch.bfloat16}
    (mine,), (own,) = (r.read([tiny.TEXT]) for r in (found.readers.teacher, tiny.reader(400)))
    assert mine.ids.tolist() == own.ids.tolist()
    assert mine.ends.tolist() == own.ends.tolist()


def test_a_gguf_file_is_no_student(pair_folder: Path, tmp_path: Path) -> None:
    student = {"model": str(tmp_path / "student.gguf"), "tokenizer": str(pair_folder / "student")}
    assert "for reading only" in refused(recipe(pair_folder, student=student))
