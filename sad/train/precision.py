"""The precisions that a run may have, and what each makes of models and of automatic mixed precision."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from accelerate import Accelerator

TEACHER = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""Type of a teacher's weights whose ``dtype`` is ``auto``. Those of the student are float32 in all of them."""
WIDE = 512
"""Features from which on bf16 is faster than fp32 on a CPU."""


def choose_precision(wanted: str, device: str, width: int) -> str:
    """Return fp32, bf16 or fp16 for a teacher of ``width`` features.

    ``auto`` takes bf16 where matrix units multiply it natively and the matrices are large enough for it to pay: on a
    processor with AVX512-BF16 a body of 576 features ran 2.7 times as fast, one of 160 no faster than in fp32.
    """
    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    native = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16" if device == "cpu" and native and width >= WIDE else "fp32"


def autocast(precision: str, device: str, *, cache: bool = True) -> torch.autocast:
    """Return the context that forward passes run in on a ``device`` such as cuda: half products, where asked."""
    half = TEACHER[precision]
    on = half != torch.float32
    return torch.autocast(device, half if on else None, enabled=on, cache_enabled=cache)


class HalfAccelerator(Accelerator):  # type: ignore[misc]  # accelerate is not typed
    """Runs passes in float16 on any device. The scale of the loss is ours (:mod:`sad.train.loss_scale`): accelerate's
    leaves out each step that overflows.
    """

    def autocast(self, autocast_handler: Any = None) -> AbstractContextManager[object]:  # noqa: ANN401, ARG002
        """Return the context of a forward pass."""
        return autocast("fp16", self.device.type)
