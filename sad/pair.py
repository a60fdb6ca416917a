"""Loads teacher and student, each with its tokenizer: hub id, folder, GGUF file, asset, fresh Llama, or embedded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sad import embedded
from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.data import Readers
from sad.errors import UserError
from sad.head.linear import check_head
from sad.models.attention import EAGER
from sad.models.files import check_length
from sad.models.forward import text_config
from sad.models.pretrained import load_model
from sad.models.pretrained import load_tokenizer as load_tokenizer
from sad.recipe.schema import EMBEDDED, Recipe, Student, Teacher

RANDOM = re.compile(r"random:(?P<layers>\d+)x(?P<width>\d+)")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
HEAD_WIDTH = 32
"""Features of an attention head of a fresh student, where its width allows."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Both models, on the CPU, and what aligns them. The teacher is frozen and in evaluation mode."""

    student: nn.Module
    teacher: nn.Module
    readers: Readers
    vocab: VocabMap


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Models and tokenizers that are loaded already; they replace the names in the recipe. transformers' types."""

    teacher: nn.Module | None = None
    student: nn.Module | None = None
    teacher_tokenizer: Any = None
    student_tokenizer: Any = None

    @property
    def any(self) -> bool:
        """Whether a model is there."""
        return self.teacher is not None or self.student is not None


def load(
    recipe: Recipe,
    dtype: torch.dtype = torch.float32,
    absent: nn.Module | None = None,
    given: Given | None = None,
) -> Pair:
    """Load the pair of a recipe; the teacher's weights in ``dtype``, the student's in float32. ``absent``, a
    teacher's configuration without weights, replaces the teacher.

    What is ``given`` is not loaded. Raises UserError with one line where something is missing or does not fit.
    """
    given = given or Given()
    named = None if given.student_tokenizer is not None else _student_tokenizer(recipe)
    teacher = absent or given.teacher
    if teacher is None:
        teacher = load_teacher(recipe.teacher, dtype)
    if given.teacher_tokenizer is None:
        teacher_reader = _reader(recipe.teacher.tokenizer or recipe.teacher.model, recipe.teacher)
    else:
        teacher_reader = Reader(given.teacher_tokenizer)
    student_reader = Reader(given.student_tokenizer) if named is None else _reader(named, recipe.student)
    student = load_student(recipe, student_reader) if given.student is None else given.student
    if "attention" in recipe.terms.weights and recipe.terms.attention.compare == "maps":
        for model in (teacher, student):
            model.set_attn_implementation(EAGER)  # type: ignore[operator]
    for name, model, reader in (("teacher", teacher, teacher_reader), ("student", student, student_reader)):
        check_length(name, getattr(text_config(model), "max_position_embeddings", None), recipe.data.max_length)
        if model is absent:
            continue
        rows = model.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
        if rows < reader.size:
            told = f"the {name}'s embedding has {rows} rows, its tokenizer {reader.size} tokens: not a pair"
            raise UserError(f"{told}; set {name}.tokenizer to its own")
        check_head(model, name)
    return Pair(student, teacher, Readers(student_reader, teacher_reader), VocabMap(student_reader, teacher_reader))


def load_teacher(recipe: Teacher, dtype: torch.dtype) -> nn.Module:
    """Load a causal LM in evaluation mode, without gradients. The recipe's type, if it has one, overrides ``dtype``."""
    dtype = DTYPES.get(recipe.dtype, dtype)
    model = load_model(recipe.model, dtype, trust=recipe.trust_remote_code, quantization=recipe.quantization)
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
    model = load_model(name, torch.float32, trust=recipe.student.trust_remote_code, trains=True)
    return model.requires_grad_(True)


def _reader(name: str, of: Teacher | Student) -> Reader:
    return Reader(load_tokenizer(name, trust=of.trust_remote_code))


def _student_tokenizer(recipe: Recipe) -> str:
    if recipe.student.model.startswith("random:"):
        _shape(recipe.student.model, recipe.data.max_length)
    if recipe.student.tokenizer:
        return recipe.student.tokenizer
    if recipe.student.model == EMBEDDED:
        return str(embedded.STUDENT_TOKENIZER)
    if recipe.student.model.startswith("random:"):
        raise UserError(f"student {recipe.student.model} needs a tokenizer: set student.tokenizer")
    return recipe.student.model


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
