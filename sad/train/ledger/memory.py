"""The memory that the process uses, for the record."""

from __future__ import annotations

import psutil  # type: ignore[import-untyped]
import torch

from sad_doctor import names

_SELF = psutil.Process()


def held(device: torch.device | str) -> dict[str, float]:
    """Return bytes by the doctor's names: of the process now and, on CUDA, the most that its tensors took up so far."""
    found = {names.MEMORY: float(_SELF.memory_info().rss)}
    if torch.device(device).type == "cuda":
        # a number of the allocator on the host: nothing waits for the device
        found[names.MEMORY_DEVICE] = float(torch.cuda.max_memory_allocated(device))
    return found
