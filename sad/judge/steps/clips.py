"""A clip that is a number in the source hides by how much a gradient is too large, and when it is clipped: it is set
for a second look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from sad.judge.callers import bound, standing

FIXED = re.compile(r"clip_grad_norm_\([^\n]*?,\s*(max_norm\s*=\s*)?[\d.]+(e-?\d+)?\s*[,)]")
"""Where a source clips at a number."""


@contextmanager
def lifted(bound_by: float = float("inf")) -> Iterator[None]:
    """As long as it is open, `clip_grad_norm_` clips at ``bound_by``, whatever number it is asked for; at none where
    that is infinite.
    """
    real = torch.nn.utils.clip_grad_norm_

    def free(parameters: Any, _: object = None, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - torch's
        return real(parameters, bound_by, *more, **{key: one for key, one in named.items() if key != "max_norm"})

    with standing() as put:
        put(bound("torch.nn.utils", {"clip_grad_norm_": free}))
        yield
