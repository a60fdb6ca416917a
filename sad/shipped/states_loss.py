"""The pass over the vocabulary that trains, behind the interface of a loss between two models' states."""

from __future__ import annotations

from unittest.mock import patch

import torch
from torch import Tensor

from sad.align.vocab import VocabMap
from sad.batch import KD, LM
from sad.head import products
from sad.head.linear import Head
from sad.head.target import Live, Target, TopK
from sad.head.vocabulary import Compared, vocabulary_pass
from sad.losses import kd
from sad.subjects.states import States, StatesLoss, teacher_probabilities

FEW = 16
"""Rows of a half-precision weight at a time, so that a small one is several portions."""


def states_loss() -> StatesLoss:
    """Return the code that trains, with the scales announced as in a training step."""
    return _loss


def _loss(given: States) -> Tensor:
    head = Head(given.weight, given.bias, given.scale, given.softcap)
    divergence = kd.Divergence(kd.Kind(given.kind.value), given.temperature, given.mix)
    compared = Compared(_target(given), given.at, given.tokens, divergence)
    share = dict(zip((KD, LM), given.shares, strict=True))
    token = given.labels if share[LM] else None
    with patch.object(products, "TILE", FEW):
        found = vocabulary_pass(given.hidden, head, token, compared if share[KD] else None, scales=share)
    return share[KD] * found.kd + share[LM] * found.lm


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
