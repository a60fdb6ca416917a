"""What `sad verify` says of the code that trains covers the kernel where there is a GPU; the preflight's own paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from a_gpu import need_a_gpu
from torch import Tensor

from sad import tiny
from sad.head import fused
from sad.invariants.states_parity import states_parity
from sad.preflight import resume as module
from sad.preflight.bench import Bench
from sad.preflight.finding import Level
from sad.preflight.resume import resume
from sad.recipe.schema import parse
from sad.shipped.states_loss import states_loss
from sad.train.plan import make_plan
from sad.train.saving import checkpoint

need_a_gpu()


def test_the_kernel_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, shipped = [], fused.fused_rows
    monkeypatch.setattr(fused, "fused_rows", lambda *given: calls.append(None) or shipped(*given))
    verdict = states_parity(states_loss())
    assert verdict.holds, verdict.says
    assert len(calls) > 40


def forgets_the_cap(*given: Any) -> tuple[Tensor, Tensor]:
    from sad.head.linear import Head

    products, teacher, heads, *rest = given
    return SHIPPED(products, teacher, tuple(Head(scale=head.scale) for head in heads), *rest)


def a_row_is_left_out(*given: Any) -> tuple[Tensor, Tensor]:
    kd, lm = SHIPPED(*given)
    return kd.index_fill(0, torch.tensor([0], device=kd.device), 0.0) if len(kd) else kd, lm


SHIPPED = fused.fused_rows


@pytest.mark.parametrize("faulty", [forgets_the_cap, a_row_is_left_out])
def test_a_fault_of_the_kernel_alone_is_caught(monkeypatch: pytest.MonkeyPatch, faulty: Any) -> None:
    monkeypatch.setattr(fused, "fused_rows", faulty)
    assert not states_parity(states_loss()).holds


def bench(tmp_path: Path) -> Bench:
    tree = {"train": {"device": "cuda"}, "output": {"folder": str(tmp_path)}}
    return Bench(make_plan(parse(tree, "the test")))


def test_a_run_that_resumes_is_fine_within_the_noise_of_the_device(tmp_path: Path) -> None:
    found = {one.topic: one for one in resume(bench(tmp_path))}
    assert found["resume"].level == Level.FINE, found["resume"].says
    assert found["resume"].numbers["apart"] < module.NOISE / 10


def test_moments_that_are_lost_are_no_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_restore", lambda *_: None)
    found = {one.topic: one for one in resume(bench(tmp_path))}
    assert found["resume"].level == Level.WRONG
    assert found["resume"].numbers["apart"] > 10 * module.NOISE


def test_the_tiny_world_is_not_on_the_device() -> None:
    """What the tests share stays where it is."""
    assert next(tiny.pair().student.parameters()).device.type == "cpu"
