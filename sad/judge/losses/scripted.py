"""Functions that TorchScript compiled: they are called so, and read as they were written."""

from __future__ import annotations

import functools
from typing import Any

import torch


def as_written(target: Any) -> Any:  # noqa: ANN401 - whatever was named
    """Return a function with the signature and the source of what was compiled, which runs what was; else the same."""
    written = getattr(target, "_torchdynamo_inline", None)
    if not isinstance(target, torch.jit.ScriptFunction) or written is None:
        return target

    @functools.wraps(written)
    def run(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - what the function takes and returns
        return target(*given, **named)

    return run
