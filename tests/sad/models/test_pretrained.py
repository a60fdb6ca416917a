"""Models from everywhere, and one line with the way out for each that cannot be taken."""

from __future__ import annotations

import json
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import warm
from safetensors.torch import load_file, save_file

from sad import tiny
from sad.errors import UserError
from sad.models import files, pretrained
from sad.models.pretrained import load_model, load_tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    tiny.model(tiny.reader(400).size, layers=2, width=32, seed=0, sharpness=8.0).save_pretrained(made)
    tiny.tokenizer(400).save_pretrained(made)
    return made


def refused(name: Path | str, **how: Any) -> str:
    with pytest.raises(UserError) as caught:
        load_model(str(name), torch.float32, **how)
    message = str(caught.value)
    assert "\n" not in message
    return message


def configured(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("wanted", [torch.float16, torch.bfloat16, torch.float32])
def test_the_type_in_memory_is_the_one_asked_for(tmp_path: Path, stored: torch.dtype, wanted: torch.dtype) -> None:
    tiny.model(tiny.reader(400).size, layers=1, width=32, seed=0).to(stored).save_pretrained(tmp_path)
    assert {p.dtype for p in load_model(str(tmp_path), wanted).parameters()} == {wanted}


def code(folder: Path) -> None:
    """Give a model a class of its own, which leaves a file behind when it is read."""
    auto = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnForCausalLM"}
    configured(folder, model_type="own", architectures=["OwnForCausalLM"], auto_map=auto)
    trace = folder.parent / "was_run"
    (folder / "own.py").write_text(
        "from pathlib import Path\nfrom transformers import LlamaConfig, LlamaForCausalLM\n"
        f"Path({str(trace)!r}).touch()\n"
        "class OwnConfig(LlamaConfig):\n    model_type = 'own'\n"
        "class OwnForCausalLM(LlamaForCausalLM):\n    config_class = OwnConfig\n"
    )


def test_a_gguf_file_without_its_reader_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(pretrained, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r'need the extra: pip install "student-aware-distillation\[gguf\]"'):
        load_tokenizer(str(tmp_path / "a.gguf"))


def test_code_beside_a_model_runs_only_when_asked_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    code(folder)
    assert "read the code, then set trust_remote_code = true" in refused(folder)
    assert not (tmp_path / "was_run").exists()
    assert type(load_model(str(folder), torch.float32, trust=True)).__name__ == "OwnForCausalLM"
    assert (tmp_path / "was_run").exists()


def test_pickled_weights_are_refused_with_a_command_that_converts_them(folder: Path, tmp_path: Path) -> None:
    expected = tiny.weights(load_model(str(folder), torch.float32))
    torch.save(load_model(str(folder), torch.float32).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    message = refused(folder)
    assert "pickle" in message
    command = shlex.split(message.partition("convert it: ")[2])
    assert command[:2] == ["python", "-c"]
    (done,) = warm.python(1, *command[2:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert torch.equal(tiny.weights(load_model(str(tmp_path / "model-safetensors"), torch.float32)), expected)


def test_a_folder_without_weights_says_so(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "holds no weights (model.safetensors)" in refused(folder)


def test_what_is_no_decoder(folder: Path, tmp_path: Path) -> None:
    configured(folder, model_type="t5")
    assert "it is of another kind" in refused(folder)
    config = transformers.BertConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertLMHeadModel(config).save_pretrained(tmp_path / "bert")
    assert "reads the text after a token to predict it" in refused(tmp_path / "bert")
    config.is_decoder = True
    transformers.BertLMHeadModel(config).save_pretrained(tmp_path / "causal")
    load_model(str(tmp_path / "causal"), torch.float32)


def test_a_model_that_is_newer_than_transformers(folder: Path) -> None:
    configured(folder, model_type="brandnew")
    assert "does not know it (brandnew): pip install -U transformers" in refused(folder)


def test_a_student_in_few_bits_cannot_be_trained(folder: Path) -> None:
    configured(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    assert "is stored in fewer bits (gptq) and cannot be trained" in refused(folder, trains=True)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("You are trying to access a gated repo.\nMake sure to have access", "then log in with: hf auth login"),
        ("a/b is not a local folder and is not a valid model identifier listed on", "or it is private"),
        ("We couldn't connect to 'https://hub' to load the files", "the hub cannot be reached"),
        ("Cannot find the requested files in the disk cache and outgoing", "the hub cannot be reached"),
        ("a/b does not appear to have a file named model.safetensors", "use_safetensors=False"),
        ("something else\nand more", "something else"),
        ("", "OSError"),
    ],
)
def test_what_the_hub_says_becomes_one_line_with_the_way_out(
    raised: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(raised)

    monkeypatch.setattr(files.hub, "ready", lambda: True)
    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", fail)
    assert refused("a/b").startswith("cannot load a causal language model from a/b: ")
    assert told in refused("a/b")


def test_a_slow_tokenizer_is_one_line(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UserError, match="it has no fast tokenizer: name one that has a tokenizer"):
        load_tokenizer(str(folder))


def test_few_bits_need_their_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "find_spec", lambda _: None)
    expected = "teacher.quantization = int8 needs bitsandbytes: pip install bitsandbytes"
    assert refused(folder, quantization="int8") == expected


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="the extra `quantization` is not installed")
@pytest.mark.parametrize(("quantization", "kind"), [("int8", torch.int8), ("int4", torch.uint8)])
def test_few_bits_say_nearly_the_same(folder: Path, quantization: str, kind: torch.dtype) -> None:
    tiny.model(tiny.reader(400).size, layers=2, width=64, seed=0, sharpness=8.0).save_pretrained(folder)
    whole = load_model(str(folder), torch.float32)
    packed = load_model(str(folder), torch.float32, quantization=quantization)
    assert kind in {p.dtype for p in packed.parameters()}
    assert packed.get_output_embeddings().weight.dtype == torch.float32
    ids = torch.arange(1, 30)[None]
    with torch.no_grad():
        mine, theirs = (m(input_ids=ids).logits.float().log_softmax(-1) for m in (whole, packed))
    assert 0 < float((mine.exp() * (mine - theirs)).sum(-1).mean()) < 0.05


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="the extra `quantization` is not installed")
def test_a_model_of_a_size_that_the_library_cannot_pack_is_one_line(folder: Path) -> None:
    # on a CPU; 32 is less than a block of 64
    if not torch.cuda.is_available():
        told = refused(folder, quantization="int4")
        assert "cannot be run in int4 on this machine" in told
        assert told.endswith("set teacher.quantization = int8, or leave it out")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_not_finite_is_named(folder: Path, value: float) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    # of a row that no check reads
    tensors["model.embed_tokens.weight"][-1, -1] = value
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(UserError, match=r"weights that are NaN or infinite, model\.embed_tokens\.weight for one"):
        load_model(str(folder), torch.float32)


def test_logits_that_overflow_are_told_as_what_they_are(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    tensors["model.norm.weight"].fill_(3e38)
    tensors["model.embed_tokens.weight"].mul_(1e6)
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(UserError, match=r"answers four tokens with logits that are NaN .* train.precision = fp32$"):
        load_model(str(folder), torch.float32)


def test_weights_of_another_model_than_the_configuration_are_told(folder: Path) -> None:
    configured(folder, hidden_size=64, intermediate_size=128, head_dim=32)
    assert refused(folder).endswith(
        "its weights are of other sizes than its config.json says: put both of one model together"
    )
    configured(folder, model_type="gpt2", architectures=["GPT2LMHeadModel"])
    assert "has weights of another architecture (its config.json asks for " in refused(folder)


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "experts_implementation"])
def test_compiled_code_from_a_hub_is_not_fetched(folder: Path, key: str) -> None:
    configured(folder, **{key: "somebody/kernel"})
    assert "asks for compiled code from a hub (somebody/kernel)" in refused(folder)


def test_pickled_weights_are_refused_by_any_name(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "weights.bin")
    index = {"metadata": {}, "weight_map": {"lm_head.weight": "weights.bin"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "no .safetensors file beside it" in refused(folder)


def test_a_chat_template_is_not_named_like_a_path(folder: Path) -> None:
    """The library writes each to a file of its name when the student is saved: after the training it would refuse."""
    file = folder / "tokenizer_config.json"
    templates = [{"name": "default", "template": "x"}, {"name": "../../evil", "template": "x"}]
    file.write_text(json.dumps({**json.loads(file.read_text()), "chat_template": templates}))
    with pytest.raises(UserError, match="which is no name"):
        load_tokenizer(str(folder))
