"""What is not finite becomes zero

## Symptom
`lm_loss produced non-finite value (nan); clamping to zero` once in a whole run (steps 436, 748, 1118, 1184, 2154 of
several), then never again; a loss that is finite in every line; gradient norms of NaN beside it, where they are shown.

## Mechanism
Each term is looked at, replaced by zero if it is NaN or infinite, and reported once by name. The first such value came
from a batch without one valid label: the mean over nothing. A zero has no gradient, so the step is taken with what is
left, weight decay included; where only the gradient overflows, nothing is noticed at all.

## What its documented fix did
It was the fix: the crash is gone, and so is the only line that pointed at the cause. `nan_to_num` inside the forward
goes further: the loss is finite and plausible, and the gradient is zero or NaN where it was cut.

## Fix
Sums over units, divided once by the units of the whole step: no label, no term. A step whose loss or gradient is not
finite is put on record as it is, counted, and changes no weight (`sad/train/step.py`, `sad/train/ledger/record.py`).

## Source
rakeshb49/student_aware_distillation, models/distillation_framework.py; S10 and N03 of the catalogue of real bugs;
QwenLM/Qwen3 826, transformers 33312 and 19229 (overflow of half precision).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from sad import terms, tiny
from sad.batch import CONTRASTIVE, LM, Batch, Boundaries, Sum, Targets
from sad.bug import Bug
from sad.data import collate
from sad.distiller import Distiller
from sad.errors import TrainingError
from sad.head.linear import Head
from sad.head.vocabulary import Vocabulary
from sad.invariants.numerics_reported import LOGITS, STATES, Fault, Told, Took, Trainer, numerics_reported
from sad.models.forward import block_list
from sad.objective import Objective
from sad.recipe.terms import SHIPPED, Terms
from sad.terms import View
from sad.train import step
from sad.train.optimizer import make_optimizer
from sad.train.plan import Plan
from sad_doctor import names

IGNORED = -100
TWO = {"train": {"max_steps": 2, "eval_every": 2, "save_every": 2}, "data": {"eval_windows": 1}}
"""Changes to a recipe: two steps."""


class Masking:
    """A plain loop on one linear layer, with two terms that pass through ``mask``."""

    def __init__(self, mask: Callable[[Tensor], Tensor]) -> None:
        self.mask = mask
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layer = nn.Linear(4, 5)
            self.inputs, self.teacher = torch.randn(6, 4), torch.randn(6, 5)
        self.start = deepcopy(self.layer.state_dict())

    def steps(self, fault: Fault) -> Took:
        """Take two steps of AdamW."""
        self.layer.load_state_dict(self.start)
        optimizer = torch.optim.AdamW(self.layer.parameters(), lr=0.1)
        weights, told = [tiny.weights(self.layer)], []
        for spoil in (fault, lambda value: value):
            optimizer.zero_grad()
            value = self.mask(spoil(self._lm(torch.arange(6) % 5)))
            (value + self.mask(F.mse_loss(self.layer(self.inputs), self.teacher))).backward()  # type: ignore[no-untyped-call]
            told.append((value.item(), float(nn.utils.clip_grad_norm_(self.layer.parameters(), 1.0))))
            optimizer.step()
            weights.append(tiny.weights(self.layer))
        return Took(*told[0], 0, weights)

    def spoilt(self, _site: str, fault: Fault) -> Took:
        """The layer's outputs are states and logits."""
        layer, faults = self.layer, [fault]
        hook = layer.register_forward_hook(lambda _layer, _inputs, out: faults.pop()(out) if faults else out)
        try:
            took = self.steps(lambda value: value)
        finally:
            hook.remove()
        return replace(took, values={LM: took.value})

    def step(self, *, labelled: int, empty: int) -> Told:
        """Average the micro-batches' means."""
        self.layer.load_state_dict(self.start)
        self.layer.zero_grad()
        batches = [torch.arange(6) % 5] * labelled + [torch.full((6,), IGNORED)] * empty
        value = torch.stack([self.mask(self._lm(labels)) for labels in batches]).mean()
        value.backward()  # type: ignore[no-untyped-call]
        return Told({LM: value.item()}, float(nn.utils.clip_grad_norm_(self.layer.parameters(), 1.0)))

    def given_up(self, _bad: Sequence[bool]) -> int | None:
        """It goes on whatever comes."""
        return None

    def _lm(self, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.layer(self.inputs), labels, ignore_index=IGNORED)


class Shipped:
    """The training loop and its record; for texts without labels its step alone, as windows always have some."""

    def steps(self, fault: Fault) -> Took:
        """Run the loop for two steps, with the fault in its language-model loss."""
        plan = tiny.plan(TWO)
        with _spoilt(LM, [fault]):
            return _two_steps(plan)

    def spoilt(self, site: str, fault: Fault) -> Took:
        """Run the loop for two steps of every term, with the fault in one forward pass of the student."""
        plan = tiny.plan({**TWO, "terms": {CONTRASTIVE: {"weight": 0.1}}})
        with _spoilt_pass(plan.pair.student, site, fault):
            return _two_steps(plan)

    def step(self, *, labelled: int, empty: int) -> Told:
        """Take one step of every term."""
        plan = tiny.plan()
        every = Terms.model_validate({name: {"weight": 1.0} for name in SHIPPED})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            distiller = Distiller(plan.pair.student, plan.pair.teacher, plan.pair.vocab, every)
        batch = collate(plan.train[:2], plan.pair.readers)
        batches = [batch] * labelled + [_without_labels(batch)] * empty
        optimizer, objective = make_optimizer(distiller, plan.recipe.train), Objective(dict(every.weights))
        done = step.take_step(step.Learner(Accelerator(cpu=True), distiller, optimizer, objective), batches, 1.0)
        return Told(done.ledger.raw, done.grad_norm)

    def given_up(self, bad: Sequence[bool]) -> int | None:
        """Run the loop, logging every step."""
        every = dict.fromkeys(("max_steps", "eval_every", "save_every"), len(bad))
        steps = {**every, "log_every": 1, "grad_shares_every": 0}
        plan = tiny.plan({"train": steps, "data": {"eval_windows": 1}})
        watch = _Weights(plan.pair.student)
        with _spoilt(LM, [_nan if one else _as_it_is for one in reversed(bad)]):
            try:
                tiny.train(plan, watch=watch)
            except TrainingError:
                return len(watch.copies) - 1
        return None


def _nan(value: Tensor) -> Tensor:
    return value * math.nan


def _as_it_is(value: Tensor) -> Tensor:
    return value


class _Weights(tiny.Silent):
    """Copies the student's weights at the start and after each step."""

    def __init__(self, student: nn.Module) -> None:
        self.student, self.copies = student, [tiny.weights(student)]

    def step(self, *_: object) -> None:
        """Copy."""
        self.copies.append(tiny.weights(self.student))


def buggy() -> Trainer:
    """A value that is not finite becomes zero."""
    return Masking(lambda value: value if value.isfinite() else torch.zeros((), requires_grad=True))


def nan_to_num() -> Trainer:
    """The same inside the graph."""
    return Masking(lambda value: torch.nan_to_num(value, nan=0.0, posinf=1e4))


def untouched() -> Trainer:
    """Nothing is looked at: the mean over no labels, and a step on any gradient."""
    return Masking(lambda value: value)


def fixed() -> Trainer:
    """The code that trains."""
    return Shipped()


def _two_steps(plan: Plan) -> Took:
    after = _Weights(plan.pair.student)
    record = tiny.train(plan, watch=after).record
    first, last = (next(line for line in record if line["step"] == k and "train/loss" in line) for k in (1, 2))
    values = {name.removeprefix(names.RAW): float(value) for name, value in first.items() if name.startswith(names.RAW)}
    return Took(values[LM], float(first["train/grad_norm"]), last["train/skipped_steps"], after.copies, values)


@contextmanager
def _spoilt_pass(student: nn.Module, site: str, fault: Fault) -> Iterator[None]:
    """Put a fault into what the student gives to the terms, in its first pass with a gradient."""
    faults, finished, vocabulary = [fault], Head.finished, View.vocabulary
    own, armed = student.get_output_embeddings().weight, [False]  # type: ignore[operator]

    def state(_block: nn.Module, _inputs: object, out: Tensor) -> Tensor:
        if not (faults and site == STATES and torch.is_grad_enabled()):
            return out
        # of the first text alone
        return torch.cat([faults.pop()(out[0])[None], out[1:]])

    def passed(view: View) -> Vocabulary:
        # inside the pass nothing has a graph
        armed[:] = [site == LOGITS and torch.is_grad_enabled()]
        return vocabulary(view)

    def spoilt(of: Head, *given: Tensor) -> Tensor:
        right = finished(of, *given)
        return faults.pop()(right) if faults and armed[0] and of.weight is own else right

    hook = block_list(student)[-1].register_forward_hook(state)
    Head.finished, View.vocabulary = spoilt, passed  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Head.finished, View.vocabulary = finished, vocabulary  # type: ignore[method-assign]
        hook.remove()


@contextmanager
def _spoilt(name: str, faults: list[Fault]) -> Iterator[None]:
    """Put faults, the last one first, into a term's value each time that it is asked for with a gradient."""
    term = terms.TERMS[name]

    def spoilt(view: View) -> Sum:
        one = term(view)
        return Sum(faults.pop()(one.total), one.units) if faults and torch.is_grad_enabled() else one

    terms.TERMS[name] = spoilt
    try:
        yield
    finally:
        terms.TERMS[name] = term


def _without_labels(batch: Batch) -> Batch:
    none = torch.empty(0, dtype=torch.int64)
    targets = Targets(none, none, none)
    return replace(
        batch, targets=targets, teacher_targets=targets, boundaries=Boundaries(none, none, none, none), byte_count=0
    )


BUG = Bug(
    "V108",
    "non-finite-becomes-zero",
    __doc__,
    (numerics_reported,),
    buggy,
    fixed,
    variants={"nan_to_num": nan_to_num, "nothing looked at": untouched},
    covers=("N03",),
)
