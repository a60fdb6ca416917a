"""Fused attention returns no maps, and the attention term is silently absent

## Symptom
The term has a weight in the configuration and no line in the log. Its absence is taken for a small value.

## Mechanism
transformers loads models with fused attention (sdpa), which never forms the map. `output_attentions=True` then gives an
empty tuple, with one line of warning at the first call. Code that asks `if out.attentions:` leaves the term out; code
that zips the maps of both models sums over nothing, and has a term that is exactly 0.

## What its documented fix did
`attn_implementation="eager"` at loading, for both models. Done for one of them only, the zip is still empty.

## Fix
The attention term compares relations of queries, keys and values, which every kernel needs; hooks take them, as they
take the states (`sad/models/attention.py`). One that is asked for maps loads both models with eager attention, and
refuses a model that has another in one line. A term that is enabled is in every sum (`sad/terms/table.py`,
`sad/distiller.py`).

## Source
huggingface/transformers#31990, Qwen3-VL#1817, transformerlab#547; H01 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sad.batch import Tokens
from sad.bug import Bug
from sad.invariants.present_and_sensitive import Comparison, present_and_sensitive
from sad.shipped.comparison import shipped_comparison

ATTENTION = "attention"


@dataclass(frozen=True, slots=True)
class _Guarded:
    """The term is there if the maps are."""

    enabled: Sequence[str] = (ATTENTION,)

    def values(self, student: nn.Module, teacher: nn.Module, tokens: Tokens) -> Mapping[str, Tensor]:
        mine, theirs = _maps(student, tokens), _maps(teacher, tokens)
        return {ATTENTION: _divergence(mine[-1], theirs[-1])} if mine and theirs else {}


@dataclass(frozen=True, slots=True)
class _Zipped:
    """The term is a sum over the maps of both, of which the student's alone were asked for in the slow way."""

    enabled: Sequence[str] = (ATTENTION,)

    def values(self, student: nn.Module, teacher: nn.Module, tokens: Tokens) -> Mapping[str, Tensor]:
        student.set_attn_implementation("eager")  # type: ignore[operator]
        pairs = zip(_maps(student, tokens), _maps(teacher, tokens), strict=False)
        return {ATTENTION: sum((_divergence(*pair) for pair in pairs), torch.zeros(()))}


def _maps(model: nn.Module, tokens: Tokens) -> tuple[Tensor, ...]:
    out: Any = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, output_attentions=True)
    return tuple(one for one in out.attentions or () if one is not None)


def _divergence(mine: Tensor, theirs: Tensor) -> Tensor:
    """KL per attention row, in nats."""
    theirs = theirs.detach()
    logs = theirs.clamp_min(1e-9).log() - mine.clamp_min(1e-9).log()
    return (theirs * logs).sum(dim=-1).mean()


def buggy() -> Comparison:
    """Without maps there is no term."""
    return _Guarded()


def zipped() -> Comparison:
    """Without the teacher's maps the term is 0."""
    return _Zipped()


fixed = shipped_comparison
ATTEMPTS = {"slow attention for the student only": zipped}

BUG = Bug(
    "V604", "fused-attention-has-no-maps", __doc__, (present_and_sensitive,), buggy, fixed, ATTEMPTS, covers=("H01",)
)
