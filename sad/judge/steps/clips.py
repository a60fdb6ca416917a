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

ASKED = re.compile(r"clip_grad_norm_\([^\n]*?,\s*(?:max_norm\s*=\s*)?([\d.]+(?:e[-+]?\d+)?|[\w.]*inf)\s*[,)]")
"""What a source clips at, where that is written there."""
LARGE = 1e3
"""Who asks for no less wants the norm, and clips nothing."""


def fixed(text: str) -> bool:
    """Whether a source clips at numbers that are written there, and nowhere only measures."""
    asked = [found[1] for found in ASKED.finditer(text)]
    return bool(asked) and all(not one.endswith("inf") and float(one) < LARGE for one in asked)


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
