"""The pass over the vocabulary that trains, behind the interface of a loss between two models' states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from unittest.mock import patch

import torch
from torch import Tensor

from sad.align.vocab import VocabMap
from sad.batch import KD, LM
from sad.head import blocks, products, signals
from sad.head.linear import Head
from sad.head.target import Live, Target, TopK
from sad.head.vocabulary import Compared, vocabulary_pass
from sad.losses import kd
from sad.subjects.states import States, StatesLoss, student_logits, teacher_mass, teacher_probabilities
from sad.subjects.unwritten import unwritten_is_nan

FEW = 16
"""Rows of a half-precision weight at a time, so that a small one is several portions."""
SMALL = 24
"""Places: so few are gone through in every way."""
PORTIONS = {"LEAST_ROWS": 5, "MOST_ROWS": {"cpu": 5}, "PIECE": {"cpu": 1}, "FEWEST": 2}
"""Rows of a block, and of a piece of it, so that a few are several."""
TIMES = 4.0
CLOSE = 1e-4


def states_loss() -> StatesLoss:
    """Return the code that trains, with the scales announced as in a training step; of a few places the mean of all
    ways: also without them, with others in the same proportion, in small portions, and measured. Raises AssertionError
    where a measurement is another than its definition says.
    """
    return _loss


def _loss(given: States) -> Tensor:
    with patch.object(products, "TILE", FEW):
        ways = [_pass(given, given.shares)]
        if len(given.labels) < SMALL:
            with unwritten_is_nan():
                ways += [_pass(given, None), _pass(given, (TIMES * given.shares[0], TIMES * given.shares[1]))]
            with patch.multiple(blocks, **PORTIONS):
                ways.append(_pass(given, given.shares, measure=bool(given.shares[0])))
    return torch.stack(ways).mean()


def _pass(given: States, announced: tuple[float, float] | None, *, measure: bool = False) -> Tensor:
    head = Head(given.weight, given.bias, given.scale, given.softcap)
    divergence = kd.Divergence(kd.Kind(given.kind.value), given.temperature, given.mix)
    compared = Compared(_target(given), given.at, given.tokens, divergence) if given.shares[0] else None
    token = given.labels if given.shares[1] else None
    scales = None if announced is None else dict(zip((KD, LM), announced, strict=True))
    # of a cache at another temperature nothing is measured; a label is always a token
    measure = measure and (given.top is None or given.temperature == 1) and int(given.labels.max()) < given.tokens
    found = vocabulary_pass(given.hidden, head, token, compared, scales=scales, measure=measure)
    if measure:
        _check_signals(given, found.signals, labelled=token is not None)
    return given.shares[0] * found.kd + given.shares[1] * found.lm


@torch.no_grad()
def _check_signals(given: States, found: Mapping[str, Tensor], *, labelled: bool) -> None:
    """Raise AssertionError where a sum over the compared places is not what its definition gives."""
    given = replace(given, temperature=1.0, hidden=given.hidden.double(), weight=given.weight.double())
    p, mass = teacher_probabilities(given), teacher_mass(given).sum(dim=-1)
    q = torch.softmax(student_logits(given)[given.at, : given.tokens], dim=-1)
    if not bool((p.sum(dim=-1) > 0).all()):
        # what a teacher thinks that says nothing, nobody knows
        return
    right = {signals.STUDENT_ENTROPY: torch.special.entr(q), signals.AGREEMENT: p.argmax(dim=-1) == q.argmax(dim=-1)}
    if given.top is None:
        likely = p.gather(-1, given.labels[given.at, None])
        right |= {signals.TEACHER_ENTROPY: torch.special.entr(p), signals.MAPPED: mass}
        if labelled:
            right[signals.LABELLED] = likely > 0
            right[signals.TEACHER_NLL] = torch.where(likely > 0, -likely.log(), 0.0)
    for name, each in right.items():
        assert torch.allclose(found[name].double(), each.double().sum(), rtol=CLOSE), f"another {name}"


def _target(given: States) -> Target:
    if given.top is None:
        head = Head(given.teacher_weight, given.teacher_bias, given.teacher_scale, given.teacher_softcap)
        return Live(given.teacher_hidden, head, _Mapped(given))
    # as a cache would have it
    top, ids = teacher_probabilities(given).topk(given.top, dim=-1)
    tail = torch.log1p(-top.sum(dim=-1))
    return TopK(ids, top.log().float(), tail.float(), given.temperature)


class _Mapped(VocabMap):
    """A map that is given."""

    def __init__(self, given: States) -> None:
        self.student_size, self.teacher_size = given.tokens, len(given.teacher_weight)
        self.identity = given.index is None
        self.index = torch.arange(self.teacher_size) if given.index is None else given.index
        self._on: dict[torch.device, tuple[Tensor, Tensor]] = {}
