"""For tests that need a CUDA device, and the kernel compiled: `make gpu`."""

from __future__ import annotations

import os

import pytest
import torch


def need_a_gpu() -> None:
    """Skip the whole module where there is none, and where the kernel would be interpreted."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device", allow_module_level=True)
    if os.environ.get("TRITON_INTERPRET") != "0":
        pytest.skip("set TRITON_INTERPRET=0, as `make gpu` does: the kernel is to be compiled", allow_module_level=True)
