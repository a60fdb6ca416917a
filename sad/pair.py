"""Loads teacher and student, each with its tokenizer: hub id, folder, GGUF file, asset, fresh Llama, or embedded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sad import assets, embedded
from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.data import Readers
from sad.errors import UserError
from sad.forward import text_config
from sad.head.linear import check_head
from sad.recipe import EMBEDDED, Recipe, Teacher

ASSET = "asset:"
RANDOM = re.compile(r"random:(?P<layers>\d+)x(?P<width>\d+)")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt")
HEAD_WIDTH = 32
"""Features of an attention head of a fresh student, where its width allows."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Both models, on the CPU, and what aligns them. The teacher is frozen and in evaluation mode."""

    student: nn.Module
    teacher: nn.Module
    readers: Readers
    vocab: VocabMap


def load(recipe: Recipe, dtype: torch.dtype = torch.float32) -> Pair:
    """Load the pair of a recipe; the teacher's weights in ``dtype``, the student's in float32.

    Raises UserError with one line where something is missing or does not fit.
    """
    teacher = load_teacher(recipe.teacher, dtype)
    teacher_reader = Reader(load_tokenizer(recipe.teacher.tokenizer or recipe.teacher.model))
    student_reader = Reader(load_tokenizer(_student_tokenizer(recipe)))
    student = load_student(recipe, student_reader)
    for name, model, reader in (("teacher", teacher, teacher_reader), ("student", student, student_reader)):
        rows = model.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
        if rows < reader.size:
            raise UserError(f"the {name}'s embedding has {rows} rows, its tokenizer {reader.size} tokens: not a pair")
        places = getattr(text_config(model), "max_position_embeddings", None) or recipe.data.max_length
        if places < recipe.data.max_length:
            raise UserError(f"the {name} reads {places} tokens at the most: set data.max_length to that or less")
        check_head(model, name)
    return Pair(student, teacher, Readers(student_reader, teacher_reader), VocabMap(student_reader, teacher_reader))


def load_teacher(recipe: Teacher, dtype: torch.dtype) -> nn.Module:
    """Load a causal LM for reading only: evaluation mode, no gradients."""
    model = _from_pretrained(recipe.model, dtype)
    return model.eval().requires_grad_(False)


def load_student(recipe: Recipe, reader: Reader) -> nn.Module:
    """Load the student in float32, or make it from the recipe's seed."""
    name = recipe.student.model
    if name == EMBEDDED:
        return _fresh(embedded.student_config(), reader, recipe.train.seed)
    if name.startswith("random:"):
        return _fresh(_shape(name, recipe.data.max_length), reader, recipe.train.seed)
    if name.lower().endswith(".gguf"):
        raise UserError(f"student {name}: a GGUF file is for reading only; name a model in Hugging Face format")
    return _from_pretrained(name, torch.float32).requires_grad_(True)


def load_tokenizer(name: str) -> Any:  # noqa: ANN401 - transformers' tokenizers have no common type
    """Load a fast tokenizer. Raises UserError."""
    from transformers import AutoTokenizer

    path = _whole(name)
    if path.suffix.lower() == ".gguf":
        _require_gguf()
        where, how = str(path.parent), {"gguf_file": path.name}
    else:
        where, how = str(_resolve(name)), {}
    if path.is_dir() and not any((path / file).exists() for file in TOKENIZER_FILES):
        raise UserError(f"{name} holds no tokenizer ({TOKENIZER_FILES[0]}): name its folder with the key `tokenizer`")
    try:
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False, use_fast=True, **how)
    except Exception as error:
        raise UserError(f"cannot load a tokenizer from {name}: {_first_line(error)}") from None
    # our windows are cut to length by ourselves; the tokenizer must not warn about whole documents
    tokenizer.model_max_length = int(1e12)
    return tokenizer


def _student_tokenizer(recipe: Recipe) -> str:
    if recipe.student.tokenizer:
        return recipe.student.tokenizer
    if recipe.student.model == EMBEDDED:
        return str(embedded.STUDENT_TOKENIZER)
    if recipe.student.model.startswith("random:"):
        _shape(recipe.student.model, recipe.data.max_length)
        raise UserError(f"student {recipe.student.model} needs a tokenizer: set student.tokenizer")
    return recipe.student.model


def _from_pretrained(name: str, dtype: torch.dtype) -> nn.Module:
    from transformers import AutoModelForCausalLM

    how: dict[str, Any] = {"dtype": dtype, "trust_remote_code": False}
    path = _whole(name)
    if path.suffix.lower() == ".gguf":
        _require_gguf()
        where, how["gguf_file"] = str(path.parent), path.name
        how |= _unpacked()
    else:
        where, how["use_safetensors"] = str(_resolve(name)), True
    try:
        model, loaded = AutoModelForCausalLM.from_pretrained(where, output_loading_info=True, **how)
    except Exception as error:
        # transformers raises many kinds for a missing, gated, broken or foreign model: none can be trained
        raise UserError(f"cannot load a causal language model from {name}: {_first_line(error)}") from None
    if missing := sorted(loaded["missing_keys"]):
        # transformers would fill them with random numbers
        raise UserError(f"{name} lacks {len(missing)} weights of its model, {missing[0]} for one: it is not whole")
    found: nn.Module = model
    return found


def _whole(name: str) -> Path:
    """Return the path that a name may be. Raises UserError for a file that is missing, or is no model by itself."""
    path = Path(name).expanduser()
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise UserError(f"no such file: {name}")
    elif path.is_file():
        raise UserError(f"{name} is a file: name the folder that holds the model, {path.absolute().parent}")
    return path


def _resolve(name: str) -> str | Path:
    if name == EMBEDDED:
        return embedded.TEACHER
    if name.startswith(ASSET):
        try:
            return assets.path_of(name.removeprefix(ASSET))
        except assets.AssetError as error:
            raise UserError(str(error)) from None
    path = Path(name).expanduser()
    if path.exists():
        return path
    if name.startswith((".", "/", "~")):
        raise UserError(f"no such folder: {name}")
    return name


def _shape(name: str, length: int) -> dict[str, Any]:
    match = RANDOM.fullmatch(name)
    if match is None:
        raise UserError(f"student {name}: write a fresh student as random:LAYERSxWIDTH, for example random:6x192")
    layers, width = int(match["layers"]), int(match["width"])
    heads = max(1, width // HEAD_WIDTH)
    if layers < 1 or width < 2 or width % (2 * heads):
        raise UserError(f"student {name}: the width must be a multiple of {2 * HEAD_WIDTH}, with one layer or more")
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "intermediate_size": -(-8 * width // 3 // 64) * 64,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "max_position_embeddings": max(2048, length),
        "tie_word_embeddings": True,
    }


def _fresh(shape: dict[str, Any], reader: Reader, seed: int) -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = reader.tokenizer
    own = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": reader.eos, "pad_token_id": reader.pad}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = LlamaForCausalLM(LlamaConfig(**{**shape, **own, "vocab_size": reader.size}))
    return model


def _unpacked() -> dict[str, Any]:
    """Ask for plain weights: packed ones need kernels from a hub. Releases before GgufConfig always unpack."""
    import transformers

    config = getattr(transformers, "GgufConfig", None)
    return {} if config is None else {"quantization_config": config(dequantize=True)}


def _require_gguf() -> None:
    from importlib.util import find_spec

    if find_spec("gguf") is None:
        raise UserError('GGUF files need the extra: pip install "student-aware-distillation[gguf]"')


def _first_line(error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    # the hub client names its address and no way out
    return "no such folder here, and the hub cannot be reached" if "couldn't connect" in first.lower() else first
