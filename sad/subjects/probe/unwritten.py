"""Memory that nobody has written to yet, made to hold what no result may depend on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def unwritten_is_nan() -> Iterator[None]:
    """Let every tensor that is made without values hold NaN, integers their largest number, while this is open.

    What reads such memory gives another number each time, and most often zero, as a new page has it: no comparison
    finds that by chance. torch does it in its mode for determinism (``torch.utils.deterministic``), which is put back.
    """
    mode: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = mode.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    mode.fill_uninitialized_memory = True
    try:
        yield
    finally:
        mode.fill_uninitialized_memory = filled
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
