"""Whether the rows of a loss depend on one another, and whether that is because an axis is counted from the front."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from torch import Tensor

from sad.judge.losses.call import Call
from sad.judge.losses.context import source
from sad.judge.losses.layers import layered
from sad.judge.losses.sample import Sample, sample
from sad.subjects.divergence import IGNORED

COUPLED = 1e-6
"""Of a gradient's norm: what a change of another row may leave in a row."""
RELATED = re.compile(
    r"\.T\b|\.t\(\)|\.mT\b|transpose|permute|intra|relation|pearson|contrast|info_?nce|similarit|gram|cdist|matmul|bmm|einsum|@",
    re.IGNORECASE,
)
"""Where the source of a loss compares rows with one another on purpose."""


def coupled(of: Sample, call: Call) -> bool:
    """Whether the gradient of a row changes with what a model says at another row, of its sequence or another."""
    return any(_depends(of, call, whose) for whose in ("student_logits", "teacher_logits"))


def contrasts(of: Sample, call: Call) -> bool:
    """Whether the gradient of a row changes with the teacher's other rows: it has to tell its own from those."""
    return _depends(of, call, "teacher_logits")


def classes_alone(of: Sample, call: Call) -> bool:
    """Whether -100 is a label like any other to a loss, which compares labels with one another."""
    labels = of.given.labels
    assert labels is not None
    free = next(i for i in range(of.given.student_logits.shape[-1]) if not bool((labels == i).any()))
    other = sample(call, replace(of.given, labels=labels.masked_fill(labels == IGNORED, free)))
    off = float((other.gradient - of.gradient).norm())
    return off <= COUPLED * float(of.gradient.norm()) and coupled(of, call)


def _depends(of: Sample, call: Call, whose: str) -> bool:
    rest = slice(0, -1)
    for last, others in (((slice(None), -1), (slice(None), rest)), (-1, rest)):
        logits: Tensor = getattr(of.given, whose).clone()
        logits[last] = logits[last].flip(-1)
        changed: dict[str, Any] = {whose: logits}
        other = sample(call, replace(of.given, **changed)).gradient
        if float((other[others] - of.gradient[others]).norm()) > COUPLED * float(of.gradient.norm()):
            return True
    return False


def on_rows_alone(of: Sample, call: Call) -> Call | None:
    """Return the form of rows alone where rows are coupled in [batch, length, vocab] and not in [rows, vocab].

    Such a loss counts an axis from the front: there it is the length. None where that is not so.
    """
    if call.form.rank != 3 or call.form.chunks or call.hidden or layered(call.reading.roles, source(call)):
        return None
    flat = call.formed(rank=2)
    try:
        rows = sample(flat, of.given)
        # one that makes rows of three axes by itself may run on two, where nothing is left of it
        some = float(rows.gradient.norm()) > COUPLED * float(of.gradient.norm())
        apart = some and not coupled(rows, flat)
    except Exception:
        return None
    return flat if apart and _depends(of, call, "student_logits") else None
