"""All that is decided before the first step: the pair, the examples, the steps, the device."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import torch

from sad.data import Example, Schedule, examples
from sad.errors import UserError
from sad.forward import text_config
from sad.model_files import check_files
from sad.pair import Given, Pair, load
from sad.recipe import Recipe
from sad.text import documents, glance

WIDE = 512
"""Features from which bf16 pays on a CPU."""

MOST = 2**62
"""Steps that nobody lives to see: where a number of epochs ends that a float can hold and a step number cannot."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A run that is ready to start. ``steps`` counts optimizer steps; ``notes`` say what was odd about the text."""

    recipe: Recipe
    pair: Pair
    train: list[Example]
    held_out: list[Example]
    steps: int
    precision: str
    device: str
    notes: tuple[str, ...] = ()

    def schedule(self, processes: int = 1) -> Schedule:
        """Return which examples each step takes."""
        r = self.recipe.train
        return Schedule(len(self.train), r.batch_size, r.accumulation, r.seed, processes)

    @property
    def fingerprint(self) -> str:
        """Of the examples, in their order: other data, another tokenizer or another length give another."""
        digest = hashlib.blake2b(digest_size=16)
        for example in self.train:
            for part in (example.student, example.teacher, example.at_student, example.at_teacher):
                digest.update(len(part).to_bytes(8, "little"))
                digest.update(part.tobytes())
        return digest.hexdigest()

    @property
    def coverage(self) -> float:
        """Share of the student's labels that stand at a common boundary."""
        labels = sum(len(e.student) - 1 - int(e.at_student[0]) for e in self.train)
        return sum(len(e.at_student) for e in self.train) / labels

    @property
    def eval_every(self) -> int:
        """Steps between two evaluations."""
        return self.recipe.train.eval_every or max(1, self.steps // 10)

    @property
    def save_every(self) -> int:
        """Steps between two checkpoints."""
        return self.recipe.train.save_every or max(1, self.steps // 5)

    def facts(self) -> dict[str, object]:
        """What a reader of the record wants to know of the pair and its alignment."""
        readers = self.pair.readers
        return {
            "coverage": self.coverage,
            "mapped_tokens": self.pair.vocab.mapped,
            "same_tokenizer": self.pair.vocab.identity,
            "student_vocabulary": readers.student.size,
            "teacher_vocabulary": readers.teacher.size,
            "train_windows": len(self.train),
            "held_out_windows": len(self.held_out),
        }


def make_plan(recipe: Recipe, processes: int = 1, given: Given | None = None) -> Plan:
    """Load and measure everything that a run needs; what of the pair is ``given`` is there. Raises UserError."""
    device = choose_device(recipe.train.device)
    if given is None or not given.any:
        check_files(recipe)
    glance(recipe.data)
    half = device == "cuda" and recipe.train.precision != "fp32"
    pair = load(recipe, torch.bfloat16 if half else torch.float32, given)
    precision = choose_precision(recipe.train.precision, device, text_config(pair.teacher).hidden_size)
    if recipe.teacher.dtype == "auto" and recipe.teacher.quantization == "none":
        pair.teacher.to(torch.bfloat16 if precision == "bf16" else torch.float32)
    readers, notes = pair.readers, list[str]()
    train_texts, held_texts = documents(
        recipe.data, recipe.train.seed, readers.student, readers.teacher, tell=notes.append
    )
    length, few = recipe.data.max_length, recipe.data.eval_windows
    train = examples([d.text for d in train_texts], pair.readers, length, name="the training text")
    held = examples([d.text for d in held_texts], pair.readers, length, limit=few, name="the held-out text")
    r = recipe.train
    a_pass = Schedule(len(train), r.batch_size, r.accumulation, r.seed, processes).steps_per_epoch
    steps = min(max(1, math.ceil(min(r.epochs * a_pass, MOST))), r.max_steps or MOST)
    return Plan(recipe, pair, train, held, steps, precision, device, tuple(notes))


def choose_device(wanted: str) -> str:
    """Return cuda, mps or cpu. Raises UserError if the wanted one is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, here in there.items() if here)
    if not there[wanted]:
        raise UserError(f"train.device is {wanted}, but this machine has none that torch can use")
    return wanted


def choose_precision(wanted: str, device: str, width: int) -> str:
    """Return fp32 or bf16 for a teacher of ``width`` features.

    ``auto`` takes bf16 where matrix units multiply it natively and the matrices are large enough for it to pay: on a
    processor with AVX512-BF16 a body of 576 features ran 2.7 times as fast, one of 160 no faster than in fp32.
    """
    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    native = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16" if device == "cpu" and native and width >= WIDE else "fp32"
