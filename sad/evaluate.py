"""Scores on held-out text: the student's own language-model loss, and how near it is to the teacher.

Perplexity is exp of the negative log-likelihood summed over every token and divided by their number: never of the
training objective, never a mean of means, never clamped. Tokenizers cut text differently, so perplexities of two
models compare only on one tokenizer; bits per byte compare always.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch

from sad.batch import Batch, Sum
from sad.distiller import Distiller
from sad.head import signals
from sad.head.linear import head_of
from sad.head.vocabulary import vocabulary_pass
from sad.losses.kd import Divergence
from sad.models.forward import run
from sad.models.modes import evaluating
from sad.objective import Ledger, Objective
from sad.terms import View

Reduce = Callable[[dict[str, float]], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A model's summed negative log-likelihood ``nats`` of ``tokens`` labels that spell ``bytes`` bytes of text."""

    nats: float
    tokens: int
    bytes: int

    @property
    def lm_loss(self) -> float:
        """Nats per token; NaN where there is no token."""
        return self.nats / self.tokens if self.tokens else math.nan

    @property
    def perplexity(self) -> float:
        """exp of :attr:`lm_loss`, infinite beyond what a float holds."""
        try:
            return math.exp(self.lm_loss)
        except OverflowError:
            return math.inf

    @property
    def bits_per_byte(self) -> float:
        """Bits of the likelihood over bytes of the text; NaN where there is no text."""
        return self.nats / math.log(2) / self.bytes if self.bytes else math.nan


@dataclass(frozen=True, slots=True)
class Scores:
    """An evaluation. ``kl`` is KL(teacher || student) in nats at temperature 1 per common boundary;
    ``agreement`` the share of boundaries where both rank the same token first;
    ``mapped`` the share of the teacher's mass that the student's vocabulary can take.
    """

    likelihood: Likelihood
    kl: float
    agreement: float
    mapped: float
    ledger: Ledger


class _Totals:
    """Sums by name. All names exist from the start, so that a process without a text reduces the same ones."""

    def __init__(self, sums: Iterable[str], more: Iterable[str] = ()) -> None:
        self.values = dict.fromkeys([*(f"{part}/{name}" for name in sums for part in ("total", "units")), *more], 0.0)

    def add(self, name: str, value: torch.Tensor | float) -> None:
        self.values[name] += float(value)

    def add_sum(self, name: str, summed: Sum) -> None:
        self.add(f"total/{name}", summed.total)
        self.add(f"units/{name}", float(summed.units))


def _alone(totals: dict[str, float]) -> dict[str, float]:
    return totals


@torch.no_grad()
def evaluate(distiller: Distiller, batches: Iterable[Batch], objective: Objective, reduce: Reduce = _alone) -> Scores:
    """Score the student as it is, with the terms of training and the objective's current weights.

    Dropout is off meanwhile; afterwards every module is in the mode that it was in. ``reduce`` adds the totals of
    all processes, each of which scores its own ``batches``.
    """
    device = next(distiller.parameters()).device
    totals = _Totals([*distiller.names, "own/lm", "own/kl"], ["own/agree", "own/mapped", "bytes"])
    with evaluating(distiller):
        for one in batches:
            batch = one.to(device)
            distiller.inside(partial(_read, distiller, batch, totals))
    return _scores(reduce(totals.values), distiller.names, objective)


@torch.no_grad()
def likelihood(distiller: Distiller, batches: Iterable[Batch], reduce: Reduce = _alone) -> Likelihood:
    """Return the teacher's likelihood of the same bytes that the student is scored on."""
    teacher = distiller.teacher
    device = next(teacher.parameters()).device
    totals = _Totals(["lm"], ["bytes"])
    for one in batches:
        batch = one.to(device)
        at = batch.teacher_targets
        states = run(teacher, batch.teacher).hidden[at.row, at.position]
        totals.add_sum("lm", Sum(vocabulary_pass(states, head_of(teacher), at.token).lm, len(at)))
        totals.add("bytes", float(batch.byte_count))
    done = reduce(totals.values)
    return Likelihood(done["total/lm"], int(done["units/lm"]), int(done["bytes"]))


def _read(distiller: Distiller, batch: Batch, totals: _Totals) -> None:
    _score(distiller, distiller.view(batch, distiller.ask_teacher(batch)), totals)


def _score(distiller: Distiller, view: View, totals: _Totals) -> None:
    batch = view.batch
    for name in distiller.names:
        totals.add_sum(name, distiller.term(name, view))
    # at temperature 1, whatever the training uses
    compared = view.compared(Divergence())
    own = vocabulary_pass(view.target_states(), view.head, batch.targets.token, compared, measure=True)
    totals.add_sum("own/lm", Sum(own.lm, len(batch.targets)))
    totals.add_sum("own/kl", Sum(own.kd, len(batch.boundaries)))
    totals.add("own/agree", own.signals[signals.AGREEMENT])
    totals.add("own/mapped", own.signals[signals.MAPPED])
    totals.add("bytes", float(batch.byte_count))


def _scores(done: dict[str, float], terms: Iterable[str], objective: Objective) -> Scores:
    compared = done["units/own/kl"]
    kl, agreement, mapped = (
        done[name] / compared if compared else math.nan for name in ("total/own/kl", "own/agree", "own/mapped")
    )
    units = {name: int(done[f"units/{name}"]) for name in terms}
    return Scores(
        likelihood=Likelihood(done["total/own/lm"], int(done["units/own/lm"]), int(done["bytes"])),
        kl=kl,
        agreement=agreement,
        mapped=mapped,
        ledger=objective.ledger({name: done[f"total/{name}"] for name in units}, units),
    )
