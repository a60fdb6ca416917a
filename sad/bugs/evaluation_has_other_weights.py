"""Evaluation has other weights than training

## Symptom
29.0376 in training and 51.7094 in evaluation, on comparable text, at one and the same step. The components that the
evaluation prints do not add up with the weights that the training prints.

## Mechanism
A curriculum gives weights and a temperature by step. Evaluation calls the same forward without the step, and gets the
end of the curriculum: full weights, and the base temperature.

## What its documented fix did
The step was passed on to evaluation, and taken away again, and passed on again. With the step the two agree, but the
score moves with the curriculum: the same weights score worse later, and early stopping ends a run that stands still.

## Fix
One objective, asked by training and by evaluation for its weights of now (`sad/objective.py`, `sad/evaluate.py`); and
scores to compare by that know no schedule: the language-model loss and the KL at temperature 1.

## Source
rakeshb49/student_aware_distillation, three versions of utils/training.py; F01 and S20 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from sad import tiny
from sad.batch import KD, LAYERWISE, LM, Batch
from sad.bug import Bug
from sad.data import collate
from sad.distiller import Distiller
from sad.invariants.evaluation_parity import STEPS, Runner, Told, evaluation_parity
from sad.train.plan import Plan

CURRICULUM = {KD: (0.5, 4.0), LM: (1.0, 1.0), LAYERWISE: (0.0, 2.0)}
"""Weight of each term at the beginning and at the end of the run."""

WINDOWS = 4


class Curriculum:
    """A plain loop under a curriculum; ``passes_step`` says whether evaluation knows the step."""

    def __init__(self, *, passes_step: bool) -> None:
        self.passes_step = passes_step

    def run(self, student: nn.Module, *, held: bool) -> Sequence[Told]:
        """Train on one batch."""
        plan = _plan(student, {})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            distiller = Distiller(student, plan.pair.teacher, plan.pair.vocab, plan.recipe.terms)
            optimizer = torch.optim.SGD(distiller.parameters(), lr=0.0 if held else 0.1)
            batch = collate(plan.train, plan.pair.readers)
            return [self._step(distiller, optimizer, batch, step) for step in range(STEPS)]

    def _step(self, distiller: Distiller, optimizer: torch.optim.Optimizer, batch: Batch, step: int) -> Told:
        with torch.no_grad():
            evaluation = float(_loss(distiller.eval(), batch, step if self.passes_step else None))
        loss = _loss(distiller.train(), batch, step)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return Told(loss.item(), evaluation, evaluation)


class Shipped:
    """The training loop with target shares, so that its weights move too, on a text that is also held out."""

    def run(self, student: nn.Module, *, held: bool) -> Sequence[Told]:
        """Run the loop and read its record."""
        # a rate that float32 cannot see moves nothing
        rate = {"learning_rate": 1e-30, "projector_learning_rate": 1e-30} if held else {}
        changes = {
            "train": {"batch_size": WINDOWS, "max_steps": STEPS, "eval_every": 1, "save_every": STEPS, **rate},
            "shares": {KD: 50.0, LM: 30.0, LAYERWISE: 20.0},
        }
        return list(_paired(tiny.train(_plan(student, changes)).record))


def buggy() -> Runner:
    """Evaluation without the step."""
    return Curriculum(passes_step=False)


def with_the_step() -> Runner:
    """Evaluation with the step."""
    return Curriculum(passes_step=True)


def fixed() -> Runner:
    """The code that trains."""
    return Shipped()


def _plan(student: nn.Module, changes: Mapping[str, object]) -> Plan:
    made = tiny.pair(320, 320)
    plan = tiny.plan(changes, of=replace(made, student=student))
    return replace(plan, train=plan.train[:WINDOWS], held_out=plan.train[:WINDOWS])


def _loss(distiller: Distiller, batch: Batch, step: int | None) -> Tensor:
    progress = 1.0 if step is None else step / (2 * STEPS)
    sums = distiller(batch, distiller.ask_teacher(batch))
    weights = {name: first + progress * (last - first) for name, (first, last) in CURRICULUM.items()}
    return torch.stack([weights[name] * one.total / one.units for name, one in sums.items()]).sum()


def _paired(record: Sequence[dict[str, float]]) -> Iterator[Told]:
    """Put each evaluation beside the step that comes after it."""
    evaluated = {line["step"]: line for line in record if "eval/loss" in line}
    for line in record:
        if "train/loss" in line:
            before = evaluated[line["step"] - 1]
            yield Told(line["train/loss"], before["eval/loss"], before["eval/lm_loss"])


BUG = Bug(
    "V106",
    "evaluation-has-other-weights",
    __doc__,
    (evaluation_parity,),
    buggy,
    fixed,
    {"evaluation gets the step": with_the_step},
    covers=("F01",),
)
