"""Attention maps go through a softmax although they are probabilities

## Symptom
The attention term is 0.005 to 0.05 from the first step on and never says anything.

## Mechanism
What a model returns as attentions has been through a softmax already: numbers from 0 to 1. Divided by a temperature of
4 and put through another softmax, every row becomes nearly uniform, over masked places too. The divergence of two
nearly uniform rows is nearly nothing, whatever the maps were. A temperature that is learned grows, and takes the rest.

## What its documented fix did
There was none.

## Fix
Maps are compared as the probabilities that they are, and relations are put through a softmax once
(`sad/losses/attention.py`). So are logits (`sad/losses/kd.py`, `sad/align/vocab.py`); states are normalised and
compared as they are (`sad/losses/layerwise.py`).

## Source
rakeshb49/student_aware_distillation, AttentionTransferModule; S09 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.batch import Tokens
from sad.bug import Bug
from sad.invariants.present_and_sensitive import Comparison, present_and_sensitive
from sad.shipped.comparison import shipped_comparison

ATTENTION = "attention"


@dataclass(frozen=True, slots=True)
class _Transfer:
    """KL between maps that go through a softmax at ``temperature``."""

    temperature: float
    enabled: Sequence[str] = (ATTENTION,)

    def values(self, student: nn.Module, teacher: nn.Module, tokens: Tokens) -> Mapping[str, Tensor]:
        mine, theirs = _maps(student, tokens)[-1], _maps(teacher, tokens)[-1].detach()
        log_q, log_p = (torch.log_softmax(maps / self.temperature, dim=-1) for maps in (mine, theirs))
        rows = mine.shape[0] * mine.shape[1] * mine.shape[2]
        return {ATTENTION: F.kl_div(log_q, log_p, reduction="sum", log_target=True) / rows}


def _maps(model: nn.Module, tokens: Tokens) -> tuple[Tensor, ...]:
    """Every block's attention, [batch, head, query, key]."""
    model.set_attn_implementation("eager")  # type: ignore[operator]
    out = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, output_attentions=True)
    maps: tuple[Tensor, ...] = out.attentions
    return maps


def buggy() -> Comparison:
    """At the temperature that was made for logits."""
    return _Transfer(4.0)


def warmer() -> Comparison:
    """At a temperature that has been learned for a while."""
    return _Transfer(16.0)


fixed = shipped_comparison
VARIANTS = {"a temperature that has grown": warmer}

BUG = Bug(
    "V603",
    "softmax-of-probabilities",
    __doc__,
    (present_and_sensitive,),
    buggy,
    fixed,
    variants=VARIANTS,
    covers=("S09",),
)
