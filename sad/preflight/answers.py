"""The teacher's answers, kept: a frozen model that reads the same tokens again says the same, and is the slow part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import Batch, Tokens
from sad.distiller import Distiller
from sad.forward import Forward

MOST_KEPT = 10_000_000
"""Logits of one answer that are kept, 40 MB; of a larger one they are computed each time."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept(Forward):
    """A pass of the teacher that also keeps the logits it was asked for."""

    known: dict[tuple[bytes, bytes], Tensor] = field(default_factory=dict)

    def logits(self, row: Int[Tensor, " n"], position: Int[Tensor, " n"]) -> Float[Tensor, "n vocab"]:
        """Return the logits of :meth:`Forward.logits`; they must not be changed in place."""
        place = (_bytes(row), _bytes(position))
        if (found := self.known.get(place)) is not None:
            return found
        # slots and a generated class: super() without arguments would not find its class
        made = Forward.logits(self, row, position)
        if made.numel() <= MOST_KEPT and not made.requires_grad:
            self.known[place] = made
        return made


class Answers:
    """Answers by what decides them: the tokens, their mask, the blocks that are kept, the precision.

    Whether the teacher does say the same again is for :mod:`sad.preflight.isolation` to judge, which asks it anew.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Kept] = {}

    def teach(self, distiller: Distiller) -> None:
        """Let this distiller ask its teacher only what is not known yet."""
        ask = distiller.ask_teacher

        def asked(batch: Batch) -> Forward:
            key = (*_precision(distiller, batch.teacher), tuple(distiller.pairs), *_tokens(batch.teacher))
            if key not in self._known:
                new = ask(batch)
                self._known[key] = Kept(new.model, new.hidden, new.blocks)
            return self._known[key]

        distiller.ask_teacher = asked  # type: ignore[method-assign]


def _precision(distiller: Distiller, tokens: Tokens) -> tuple[torch.dtype, bool]:
    kind = tokens.input_ids.device.type
    return next(distiller.teacher.parameters()).dtype, torch.is_autocast_enabled(kind)


def _tokens(tokens: Tokens) -> tuple[Any, ...]:
    return (tuple(tokens.input_ids.shape), _bytes(tokens.input_ids), _bytes(tokens.attention_mask))


def _bytes(tensor: Tensor) -> bytes:
    return tensor.cpu().numpy().tobytes()
