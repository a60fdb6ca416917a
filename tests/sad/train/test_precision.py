"""A run's precision decides the teacher's type and the context of passes."""

from __future__ import annotations

import pytest
import torch
from accelerate.state import AcceleratorState

from sad.errors import UserError
from sad.train.precision import TEACHER, WIDE, autocast, choose_precision
from sad.train.processes import devices


def test_precision_follows_the_hardware_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda native=native: native)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        assert choose_precision("auto", "cpu", WIDE) == ("bf16" if native else "fp32")
        assert choose_precision("auto", "cpu", WIDE - 1) == "fp32"
        assert choose_precision("bf16", "cpu", 8) == "bf16"
        assert choose_precision("fp32", "cpu", 4096) == "fp32"
    assert choose_precision("auto", "mps", 4096) == "fp32"


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_products_are_of_the_halves_that_were_asked_for(precision: str) -> None:
    with autocast(precision, "cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == TEACHER[precision]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_the_accelerator_runs_passes_in_it(precision: str) -> None:
    accelerator = devices.make_accelerator("cpu", precision, ("kd",))
    with accelerator.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == TEACHER[precision]
    AcceleratorState._reset_state()


def test_weights_in_pieces_are_not_for_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.USE_FSDP, "true")
    monkeypatch.setenv("FSDP_VERSION", "2")
    with pytest.raises(UserError, match="set it to bf16 or fp32"):
        devices.make_accelerator("cpu", "fp16", ("kd",))
    AcceleratorState._reset_state()
