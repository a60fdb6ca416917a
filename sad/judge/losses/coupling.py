"""Whether the rows of a loss depend on one another, and whether that is because an axis is counted from the front."""

from __future__ import annotations

import re
from dataclasses import replace

from sad.judge.losses.call import Call
from sad.judge.losses.context import source
from sad.judge.losses.layers import layered
from sad.judge.losses.sample import Sample, sample

COUPLED = 1e-6
"""Of a gradient's norm: what a change of another row may leave in a row."""
RELATED = re.compile(
    r"\.T\b|\.t\(\)|\.mT\b|transpose|permute|intra|relation|pearson|contrast|info_?nce|similarit|gram|cdist|matmul|bmm|einsum|@",
    re.IGNORECASE,
)
"""Where the source of a loss compares rows with one another on purpose."""


def coupled(of: Sample, call: Call) -> bool:
    """Whether the gradient of a row changes with the student's logits of another row, of its sequence or another."""
    rest = slice(0, -1)
    for last, others in (((slice(None), -1), (slice(None), rest)), (-1, rest)):
        student = of.given.student_logits.clone()
        student[last] = student[last].flip(-1)
        other = sample(call, replace(of.given, student_logits=student)).gradient
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
        apart = not coupled(sample(flat, of.given), flat)
    except Exception:
        return None
    return flat if apart and coupled(of, call) else None
