"""Members of a wheel -> a folder that ``from_pretrained`` loads; heavy imports inside the functions."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sad.assets.error import AssetError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_OTHER = "try another release of transformers"
"""What to do where a file whose bytes are right is read wrongly."""


def tokenizer_folder(source: Path, target: Path, *, bos: str, eos: str, pad: str, longest: int) -> None:
    """Put ``tokenizer.json`` of ``source`` into ``target``, with the configuration that makes it loadable.

    ``longest`` is the number of tokens past which the tokenizer warns.
    """
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    configuration = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": eos,
        "pad_token": pad,
        "clean_up_tokenization_spaces": False,
        "model_max_length": longest,
    }
    text = json.dumps(configuration, ensure_ascii=False, indent=2)
    (target / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def gguf_to_folder(source: Path, target: Path, *, name: str, parameters: int) -> None:
    """Unpack the GGUF ``name`` of ``source`` into ``target`` as bf16 safetensors with configuration and tokenizer.

    Raises AssetError if the model that comes out is not the one that was meant: another number of
    ``parameters`` (tied ones once), weights that the file did not fill, or non-finite ones.
    """
    import torch
    import transformers

    with _quiet():
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, gguf_file=name, local_files_only=True)
        model, loading = transformers.AutoModelForCausalLM.from_pretrained(
            source, gguf_file=name, dtype=torch.bfloat16, local_files_only=True, output_loading_info=True, **unpacked()
        )
        _drop_quantization(model)
        if loading["missing_keys"]:
            few = ", ".join(sorted(loading["missing_keys"])[:3])
            raise AssetError(f"{name} leaves weights unfilled ({few}): {_OTHER}")
        count = sum(weight.numel() for weight in model.parameters())
        if count != parameters:
            raise AssetError(f"{name} gave {count:,} parameters where {parameters:,} are expected: {_OTHER}")
        if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
            raise AssetError(f"{name} gave weights that are not finite: {_OTHER}")
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)


def unpacked() -> dict[str, Any]:
    """Return what asks `from_pretrained` for the plain weights of a GGUF file.

    Packed ones need kernels from a hub and cannot be saved. Releases before GgufConfig always unpack.
    """
    import transformers

    config = getattr(transformers, "GgufConfig", None)
    return {} if config is None else {"quantization_config": config(dequantize=True)}


def _drop_quantization(model: PreTrainedModel) -> None:
    """Forget where the weights came from: transformers 5.23 refuses to save what it thinks is quantized."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    if getattr(model, "hf_quantizer", None) is not None:
        model.hf_quantizer = None


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the progress bars and warnings of transformers: the caller reports progress in its own lines."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):  # a bar of the GGUF reader heeds no setting
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
