"""Tests on a CUDA device: `make gpu`. Elsewhere they are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def device() -> Iterator[None]:
    """Leave the device as it was found."""
    import torch

    yield
    torch.cuda.set_sync_debug_mode("default")
    torch.cuda.empty_cache()
