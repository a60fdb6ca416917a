"""A clip that is a number in the source hides by how much a gradient is too large, and when it is clipped: it is set
for a second look.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from sad.judge.callers import bound, standing

ASKED = re.compile(r"clip_grad_norm_\([^\n]*?,\s*(?:max_norm\s*=\s*)?([\d.]+(?:e[-+]?\d+)?|[\w.]*inf)\s*[,)]")
"""What a source clips at, where that is written there."""
CLIPS = re.compile(r"clip_grad_(norm|value)_?$")
OF_NUMBERS = re.compile(
    r"^(is_?(finite|nan|inf)|all|any|item|get|sum|numel|is_initialized|is_available|is_enabled|get_rank)$"
)
"""Methods whose answer follows from numbers that are known here, or from the machine."""
LARGE = 1e3
"""Who asks for no less wants the norm, and clips nothing."""


def fixed(text: str) -> bool:
    """Whether a source clips at numbers that are written there, and nowhere only measures."""
    asked = [found[1] for found in ASKED.finditer(text)]
    return bool(asked) and all(not one.endswith("inf") and float(one) < LARGE for one in asked)


def gate(text: str) -> str:
    """Return the question under which a source clips alone, where only its program can answer it; "" for any other.

    ``if tracker.is_spiking(): clip_grad_norm_(…)`` is no clip that has no effect: nothing spikes here.
    """
    try:
        tree = ast.parse(textwrap.dedent(text))
    except SyntaxError:
        return ""
    clips = {id(one) for one in ast.walk(tree) if isinstance(one, ast.Call) and CLIPS.search(ast.unparse(one.func))}
    asked = ""
    for one in ast.walk(tree):
        if isinstance(one, ast.If) and _asks(one.test):
            inside = {id(part) for statement in one.body for part in ast.walk(statement)} & clips
            asked = ast.unparse(one.test) if inside else asked
            clips -= inside
    return "" if clips else asked


def _asks(test: ast.expr) -> bool:
    """Whether a method is asked whose answer does not follow from numbers that are known here."""
    methods = [
        one.func.attr for one in ast.walk(test) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
    ]
    return not all(map(OF_NUMBERS.search, methods))


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
