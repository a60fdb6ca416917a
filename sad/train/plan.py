"""All that is decided before the first step: the pair, the examples, the steps, the device."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import torch

from sad.align.layers import layer_pairs
from sad.batch import KD
from sad.cache.absent import absent_teacher
from sad.cache.key import make_key
from sad.cache.reader import Cache, open_cache
from sad.data import Example, Schedule, examples
from sad.errors import UserError
from sad.forward import text_config
from sad.model_files import check_files
from sad.pair import Pair, load
from sad.recipe import Cache as CacheAsked
from sad.recipe import Recipe
from sad.terms import NEED_STATES
from sad.text import documents

WIDE = 512
"""Features from which bf16 pays on a CPU."""

MOST = 2**62
"""Steps that nobody lives to see: where a number of epochs ends that a float can hold and a step number cannot."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A run that is ready to start. ``steps`` counts optimizer steps."""

    recipe: Recipe
    pair: Pair
    train: list[Example]
    held_out: list[Example]
    steps: int
    precision: str
    device: str
    cache: Cache | None = None

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
            **({"teacher_cache": self.cache.told()} if self.cache else {}),
        }

    @property
    def layers(self) -> set[int]:
        """The teacher's blocks whose states a term asks for."""
        terms = self.recipe.terms
        return self.layers_of(terms.layerwise.layers if NEED_STATES & set(terms.weights) else 0)

    def layers_of(self, pairs: int) -> set[int]:
        """The teacher's blocks that belong to so many pairs."""
        mine, theirs = (text_config(model).num_hidden_layers for model in (self.pair.student, self.pair.teacher))
        return {block for _, block in layer_pairs(mine, theirs, pairs)} if pairs else set()

    def key(self, layers: set[int]) -> dict[str, object]:
        """What a cache of this run is of, with the states of ``layers``. Reads the teacher's weights through."""
        held_out = replace(self, train=self.held_out).fingerprint
        key = make_key(self.recipe, self.pair.readers, self.pair.vocab, sorted(layers))
        return {**key, "train": self.fingerprint, "held_out": held_out}


def make_plan(recipe: Recipe, processes: int = 1) -> Plan:
    """Load and measure everything that a run needs. Raises UserError."""
    device = choose_device(recipe.train.device)
    check_files(recipe)
    # before the pair: a text that is not there is told of at once
    train_texts, held_texts = documents(recipe.data, recipe.train.seed)
    cache = None if recipe.cache.path is None else open_cache(recipe.cache.path)
    dtype = torch.bfloat16 if device == "cuda" and recipe.train.precision != "fp32" else torch.float32
    pair = load(recipe, dtype, absent_teacher(recipe.teacher.model) if cache else None)
    precision = choose_precision(recipe.train.precision, device, text_config(pair.teacher).hidden_size)
    pair.teacher.to(torch.bfloat16 if precision == "bf16" else torch.float32)
    length, few = recipe.data.max_length, recipe.data.eval_windows
    train = examples(train_texts, pair.readers, length, name="the training text")
    held = examples(held_texts, pair.readers, length, limit=few, name="the held-out text")
    r = recipe.train
    a_pass = Schedule(len(train), r.batch_size, r.accumulation, r.seed, processes).steps_per_epoch
    steps = min(max(1, math.ceil(min(r.epochs * a_pass, MOST))), r.max_steps or MOST)
    plan = Plan(recipe, pair, train, held, steps, precision, device, cache)
    if cache:
        check_cache(plan, cache, recipe.cache)
    return plan


def check_cache(plan: Plan, cache: Cache, asked: CacheAsked) -> None:
    """Raise UserError where a cache is not of this run, or has not all that it asks for."""
    wanted = plan.key(plan.layers)
    del wanted["layers"]
    if KD not in plan.recipe.terms.weights:
        del wanted["temperature"]
    cache.check({**wanted, **{name: value for name, value in (("k", asked.k), ("bits", asked.bits)) if value}})
    cache.check_layers(plan.layers)


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
