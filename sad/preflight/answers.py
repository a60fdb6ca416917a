"""Keeps the teacher's outputs: a frozen model gives the same ones for the same tokens, and takes most of the time."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from sad.batch import Batch
from sad.distiller import Distiller
from sad.terms import TeacherOutput


class Answers:
    """Answers by what decides them: the tokens, where they are compared, the blocks that are kept, the precision.

    Whether the teacher does say the same again is for :mod:`sad.preflight.isolation` to judge, which asks it anew.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], TeacherOutput] = {}

    def teach(self, distiller: Distiller) -> None:
        """Let this distiller ask its teacher only what is not known yet."""
        ask = distiller.ask_teacher

        def answered(batch: Batch) -> TeacherOutput:
            key = (
                *_precision(distiller, batch),
                tuple(distiller.teacher_blocks),
                *_tensors(batch.teacher, batch.boundaries),
            )
            if key not in self._known:
                self._known[key] = ask(batch)
            return self._known[key]

        distiller.ask_teacher = answered  # type: ignore[method-assign]


def _precision(distiller: Distiller, batch: Batch) -> tuple[torch.dtype, bool]:
    kind = batch.teacher.input_ids.device.type
    return next(distiller.teacher.parameters()).dtype, torch.is_autocast_enabled(kind)


def _tensors(*parts: Any) -> tuple[tuple[tuple[int, ...], bytes], ...]:  # noqa: ANN401 - data classes of tensors
    values = (getattr(part, field.name) for part in parts for field in fields(part))
    return tuple((tuple(v.shape), v.cpu().numpy().tobytes()) for v in values if isinstance(v, Tensor))
