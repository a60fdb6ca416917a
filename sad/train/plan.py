"""All that is decided before the first step: the pair, the examples, the steps, the device."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from sad.align.layers import layer_pairs
from sad.align.reader import Ints
from sad.batch import ALM, ATTENTION, KD, LAYERWISE, Batch
from sad.cache.absent import absent_teacher
from sad.cache.key import make_key
from sad.cache.reader import Cache, open_cache
from sad.data import Example, Pools, Prepared, Readers, Schedule, Streamed, blank, collate_rows, make_pools, prepare
from sad.data.facts import coverage, fingerprint, lengths, longest_sides
from sad.data.schedule import rows_of, totals
from sad.distiller import check_terms
from sad.document import Document
from sad.errors import UserError
from sad.models.files import check_files
from sad.models.forward import text_config
from sad.pair import Given, Pair, load
from sad.recipe.schema import Cache as CacheAsked
from sad.recipe.schema import Recipe
from sad.terms import NEED_STATES, custom
from sad.text import documents, glance
from sad.text.sources import Source
from sad.train.packing import check_packing
from sad.train.precision import TEACHER, choose_precision


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A run that is ready to start. ``steps`` counts optimizer steps; ``notes`` say what was odd about the text."""

    recipe: Recipe
    pair: Pair
    train: Sequence[Example]
    held_out: Sequence[Example]
    steps: int
    precision: str
    device: str
    notes: tuple[str, ...] = ()
    cache: Cache | None = None
    told: Sequence[str] = ()
    """All that was odd about the text so far: a stream may add to it after ``notes`` were taken."""

    def schedule(self, processes: int = 1) -> Schedule:
        """Return which examples each step takes."""
        return make_schedule(self.recipe, self.train, processes)

    def batch(self, rows: Sequence[Ints]) -> Batch:
        """Collate a micro-batch, given row by row; one without a row counts for nothing."""
        if not rows:
            return blank(self.train[0], self.pair.readers)
        made = collate_rows([[self.train[i] for i in row] for row in rows], self.pair.readers)
        return replace(made, numbers=tuple(int(i) for row in rows for i in row))

    @property
    def fingerprint(self) -> str:
        """A hash of the examples in their order: other data, another tokenizer or another length change it."""
        return fingerprint(self.train)

    @property
    def coverage(self) -> float:
        """Share of the student's labels that stand at a common boundary."""
        return coverage(self.train)

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
            **({"stream": "as far as it was prepared"} if self.grows else {}),
            "held_out_windows": len(self.held_out),
            **({"teacher_cache": self.cache.told()} if self.cache else {}),
        }

    @property
    def grows(self) -> bool:
        """Whether more of the training text is prepared while the run goes on."""
        return isinstance(self.train, Streamed) and self.train.size is None

    def later(self) -> list[str]:
        """Notes on a stream that are known only once it was read, a line each; none for any other text."""
        if not isinstance(self.train, Streamed):
            return []
        return [line for line in (*self.told, *self.train.left_out) if line not in self.notes]

    def within(self, cache: Cache) -> Plan:
        """Return the plan with the windows that a cache has. Raises UserError where the steps take more of a stream."""
        if isinstance(self.train, Streamed):
            _end_with(cache, self.train, self.recipe, 1)
        return self

    def whole(self) -> Plan:
        """Return the plan with all windows that its steps take: a cache numbers them before the first is asked for."""
        if isinstance(self.train, Streamed):
            self.train.end_at(_pools(self.recipe, self.train).reach(_asked(self.recipe) - 1))
        return self

    @property
    def layers(self) -> set[int]:
        """The teacher's blocks whose states a term asks for."""
        terms = self.recipe.terms
        if self.recipe.aware.layers.learned and LAYERWISE in terms.weights:
            return set(range(text_config(self.pair.teacher).num_hidden_layers))
        return self.layers_of(terms.layerwise.layers if NEED_STATES & set(terms.weights) else 0)

    def layers_of(self, pairs: int | list[list[int]]) -> set[int]:
        """The teacher's blocks in ``pairs``, which are given one by one or by their number."""
        mine, theirs = (text_config(model).num_hidden_layers for model in (self.pair.student, self.pair.teacher))
        return {block for _, block in layer_pairs(mine, theirs, pairs)} if pairs else set()

    def key(self, layers: set[int]) -> dict[str, object]:
        """The key of a cache for this run, with the states of ``layers``. Reads all of the teacher's weights."""
        held_out = fingerprint(self.held_out)
        key = make_key(self.recipe, self.pair.readers, self.pair.vocab, sorted(layers))
        return {**key, "train": self.fingerprint, "held_out": held_out}


def make_plan(
    recipe: Recipe,
    processes: int = 1,
    given: Given | None = None,
    *,
    beforehand: bool = False,
    rows: Source | None = None,
) -> Plan:
    """Load and measure everything that a run needs, except for the parts of the pair that are ``given``. A teacher that
    is asked ``beforehand`` reads each window by itself, whatever the run does. ``rows`` are those of the training text
    where a glance at it found them before. Raises UserError.
    """
    device = choose_device(recipe.train.device)
    if given is None or not given.any:
        check_files(recipe)
    rows = rows or glance(recipe.data)
    custom.check_names(recipe.terms)
    cache = None if recipe.cache.path is None else open_cache(recipe.cache.path)
    wanted = recipe.train.precision if device == "cuda" else "fp32"
    dtype = TEACHER["bf16" if wanted == "auto" else wanted]
    pair = load(recipe, dtype, absent_teacher(recipe.teacher.model) if cache else None, given)
    check_terms(recipe.terms, pair.student, pair.teacher, pair.vocab)
    precision = choose_precision(recipe.train.precision, device, text_config(pair.teacher).hidden_size)
    if recipe.teacher.dtype == "auto" and recipe.teacher.quantization == "none":
        pair.teacher.to(TEACHER[precision])
    readers, notes = pair.readers, list[str]()
    data, r = recipe.data, recipe.train
    train_texts, held_texts = documents(data, r.seed, readers.student, readers.teacher, notes.append, rows)
    train = _train_examples(recipe, train_texts, readers, processes, cache)
    held = prepare(
        held_texts,
        readers,
        data.max_length,
        data.cache,
        limit=data.eval_windows,
        workers=data.workers,
        name="the held-out text",
    )
    so_far = "of the stream so far: " if data.streaming else ""
    notes += [train.told, *(so_far + line for line in train.left_out)]
    if r.packing:
        # a cached teacher has read each window by itself
        both = (("teacher", pair.teacher), ("student", pair.student))
        for name, model in both[1:] if cache or beforehand else both:
            check_packing(model, name, data.max_length)
    a_pass = make_schedule(recipe, train, processes).steps_per_epoch
    if data.streaming:
        # the last pool of a stream has more windows than the steps take
        a_pass = min(a_pass, r.max_steps or a_pass)
    steps = max(1, math.ceil(r.epochs * a_pass))
    steps = min(steps, r.max_steps or steps)
    plan = Plan(recipe, pair, train, held, steps, precision, device, tuple(notes), cache, notes)
    if cache:
        check_cache(plan, cache, recipe.cache)
    return plan


def _train_examples(
    recipe: Recipe, documents: Iterable[Document], readers: Readers, processes: int, cache: Cache | None
) -> Prepared | Streamed:
    """Prepare the training text; of a stream, what the first steps take. Raises UserError."""
    data, r, name = recipe.data, recipe.train, "the training text"
    if not data.streaming:
        return prepare(documents, readers, data.max_length, data.cache, workers=data.workers, name=name)
    if r.max_steps is None:
        raise UserError("a stream has no end that is known: set train.max_steps")
    # the first process of a machine writes what the others of it read
    follows = int(os.environ.get("LOCAL_RANK", "0")) > 0
    found = Streamed(
        documents, readers, data.max_length, data.cache, workers=data.workers, follows=follows, name=data.text
    )
    _pools(recipe, found, processes).wait(0, lambda: False)
    if cache is not None:
        _end_with(cache, found, recipe, processes)
    return found


def _end_with(cache: Cache, stream: Streamed, recipe: Recipe, processes: int) -> None:
    """Let a stream end where the teacher's answers do. Raises UserError where the steps take more.

    They are of the first windows of the stream: so they do for any steps, on any number of processes, that take no
    more of them.
    """
    there, r = cache.first_held_out, recipe.train
    pools = _pools(recipe, stream, processes)
    wanted = stream.need(pools.reach(_asked(recipe) - 1))
    if wanted > there:
        told = f"{cache.folder} has {there:,} windows of the stream, and {r.max_steps:,} steps of {pools.per_step}"
        told += f" on {processes} processes" if processes > 1 else ""
        flag = f" --set train.accumulation={r.accumulation * processes}" if processes > 1 else ""
        way = f"with: sad cache --cache FOLDER{flag} and else the same recipe and flags"
        raise UserError(f"{told} need {wanted:,}: write another {way}; or set train.max_steps lower")
    stream.end_at(there)


def _pools(recipe: Recipe, stream: Streamed, processes: int = 1) -> Pools:
    """Return which windows of a stream each step takes."""
    r = recipe.train
    room = recipe.data.max_length if r.packing else None
    own = (r.batch_size, r.accumulation, r.seed, processes)
    return make_pools(stream, _asked(recipe), *own, buckets=r.buckets, room=room)


def _asked(recipe: Recipe) -> int:
    """Return the steps that are asked for, since the end of a stream is not known."""
    assert recipe.train.max_steps is not None, "a stream that nobody asked steps of"
    return recipe.train.max_steps


def make_schedule(recipe: Recipe, train: Sequence[Example], processes: int = 1) -> Schedule:
    """Return which of the examples each step takes."""
    r = recipe.train
    if isinstance(train, Streamed):
        return _pools(recipe, train, processes)
    if r.packing:
        packs = rows_of(longest_sides(train), recipe.data.max_length, r.seed)
        sizes = totals(packs, lengths(train)) if r.buckets else None
        return Schedule(len(packs), r.batch_size, r.accumulation, r.seed, processes, sizes, packs)
    sizes = lengths(train) if r.buckets else None
    return Schedule(len(train), r.batch_size, r.accumulation, r.seed, processes, sizes)


def check_cache(plan: Plan, cache: Cache, asked: CacheAsked) -> None:
    """Raise UserError where a cache is not of this run, or has not all that it asks for."""
    if without := sorted({ALM, ATTENTION} & set(plan.recipe.terms.weights)):
        raise UserError(
            f"a cache has not what the term {without[0]} needs of the teacher: set terms.{without[0]}.weight = 0, "
            "or train without --cache"
        )
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
        raise UserError(
            f"train.device is {wanted}, but this machine has none that torch can use: set train.device = auto"
        )
    return wanted
