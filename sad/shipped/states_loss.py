"""The pass over the vocabulary that trains, behind the interface of a loss between two models' states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from sad.align.vocab import VocabMap
from sad.batch import KD, LM
from sad.head import blocks, likelihood, products, signals
from sad.head.linear import Head
from sad.head.target import Live, Target, TopK
from sad.head.vocabulary import Compared, vocabulary_pass
from sad.losses import kd
from sad.subjects.probe.unwritten import unwritten_is_nan
from sad.subjects.states import States, StatesLoss, student_logits, teacher_mass, teacher_probabilities

FEW = 16
"""Rows of a half-precision weight at a time, so that a small one is several portions."""
SMALL = 24
"""Places: so few are gone through in every way."""
PORTIONS: dict[str, Any] = {"LEAST_ROWS": 5, "MOST_ROWS": {"cpu": 5}, "PIECE": {"cpu": 1}, "FEWEST": 2}
"""Rows of a block, and of a piece of it, so that a few are several."""
TIMES = 4.0
CLOSE, NEAR = 1e-4, 1e-3
"""How far apart, of themselves, two numbers may be that are one; and how near two factors are that are not."""


def states_loss() -> StatesLoss:
    """Return the code that trains, with the scales announced as in a training step; of a few places the mean of all
    ways: also without them, with others in the same proportion, in small portions, and measured. Raises AssertionError
    where a measurement is another than its definition says.

    Where there is a GPU, on which another code computes it, half of what it returns is from there.
    """
    return _everywhere


def _everywhere(given: States) -> Tensor:
    here = _loss(given)
    if not torch.cuda.is_available():
        return here
    return (here + _on_the_gpu(given).to(here.device)) / 2


def _on_the_gpu(given: States) -> Tensor:
    """The mean of three ways there: as in a training step, and of a few places without scales and in small blocks."""
    moved = {
        of.name: getattr(given, of.name).cuda() for of in fields(given) if torch.is_tensor(getattr(given, of.name))
    }
    there = replace(given, **moved)
    ways = [_pass(there, given.shares)]
    if len(given.labels) < SMALL:
        ways.append(_pass(there, None))
        with patch.multiple(blocks, LOGITS=1, SLOPES=1, **PORTIONS):
            ways.append(_pass(there, given.shares))
    return torch.stack(ways).mean()


def _loss(given: States) -> Tensor:
    with patch.object(products, "TILE", FEW):
        ways = [_pass(given, given.shares)]
        if len(given.labels) < SMALL:
            with unwritten_is_nan():
                ways += [_pass(given, None), _pass(given, (TIMES * given.shares[0], TIMES * given.shares[1]))]
            # also multiplied by numbers below 0, by others than 1, and by 0
            more = [factor * _pass(given, given.shares) for factor in (2.0, -2.0, 0.0)]
            ways[0] = ways[0] + torch.stack(more).sum()
            _check_announced(given)
            _check_likelihood(given)
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


def _check_announced(given: States) -> None:
    """Raise AssertionError where other factors than the announced ones are taken for them."""
    for factor in (1 - NEAR, 1 + NEAR) if 0 not in given.shares else ():
        made = replace(given, hidden=given.hidden.detach().requires_grad_())
        try:
            # the smaller they are, the nearer must they be
            (NEAR * _pass(made, (given.shares[0], factor * given.shares[1]))).backward()  # type: ignore[no-untyped-call]
        except RuntimeError:
            continue
        raise AssertionError("a gradient of other factors than announced")


@torch.no_grad()
def _check_likelihood(given: States) -> None:
    """Raise AssertionError where the likelihood without a gradient is another than that of the labels' loss."""
    head = Head(given.weight, given.bias, given.scale, given.softcap)
    states = given.hidden.bfloat16()
    labels = vocabulary_pass(states.float(), head, given.labels).lm
    few = patch.object(likelihood, "BLOCK", FEW * len(given.weight))
    with few, torch.autocast(given.hidden.device.type, torch.bfloat16):
        found = -likelihood.log_likelihood(states, head, given.labels).sum()
    assert torch.allclose(found, labels, rtol=CLOSE), "another likelihood without a gradient"


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
    likely = p.gather(-1, given.labels[given.at, None])
    if given.top is not None:
        # as far as the list knows it: all others are one
        ids = p.topk(given.top, dim=-1).indices
        rest = p.scatter(-1, ids, 0.0).sum(dim=-1, keepdim=True)
        likely = torch.where((ids == given.labels[given.at, None]).any(dim=-1, keepdim=True), likely, rest)
        p, mass = torch.cat([p.gather(-1, ids), rest], dim=-1), torch.ones(len(p))
    right |= {
        signals.TEACHER_ENTROPY: torch.special.entr(p),
        signals.MAPPED: mass,
        signals.HEARD: torch.ones_like(mass),
    }
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
