"""Tests on a CUDA device: `make gpu`. Elsewhere they are skipped, and where the kernel is interpreted."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def device() -> Iterator[None]:
    """Skip without a device, and where the kernel is interpreted; tell at the end how the memory was left."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    if os.environ.get("TRITON_INTERPRET") != "0":
        pytest.skip("set TRITON_INTERPRET=0: the kernel is to be compiled")
    yield
    torch.cuda.set_sync_debug_mode("default")
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()
