"""Memory that nobody has written to yet, made to hold what no result may depend on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def unwritten_is_nan() -> Iterator[None]:
    """Let every tensor that is made without values hold NaN, integers their largest number, while this is open.

    What reads such memory gives another number each time, and most often zero, as a new page has it: no comparison
    finds that by chance. torch does it in its mode for determinism (``torch.utils.deterministic``), which is put back.
    """
    before, only_warn = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = filled
        torch.use_deterministic_algorithms(before, warn_only=only_warn)
