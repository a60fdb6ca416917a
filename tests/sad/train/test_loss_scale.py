"""In float16 the loss is scaled: small gradients are not lost, and a step that overflows is taken anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor

from sad import tiny
from sad.data import collate
from sad.distiller import Distiller
from sad.objective import Objective
from sad.train.loss_scale import MOST, STEADY, LossScale, divide
from sad.train.processes.devices import make_accelerator
from sad.train.saving import checkpoint
from sad.train.saving.checkpoint import Progress
from sad.train.step import Learner, Step, take_step

SMALL = 1e-5
"""The weight of each term: without a scale most gradients of the student's blocks are below what float16 holds."""


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    AcceleratorState._reset_state()


def stepped(precision: str, progress: Progress | None = None, *, scaled: bool = True) -> tuple[Tensor, Step]:
    """The gradient of a step, as the optimizer is handed it, and the step."""
    plan = tiny.plan({"terms": {name: {"weight": SMALL} for name in ("kd", "lm", "layerwise")}})
    accelerator = make_accelerator("cpu", precision, ("kd", "lm", "layerwise"))
    torch.manual_seed(0)
    distiller = Distiller(plan.pair.student, plan.pair.teacher, plan.pair.vocab, plan.recipe.terms)
    plain = torch.optim.SGD(distiller.parameters(), lr=0.1)
    seen: list[Tensor] = []
    plain.register_step_pre_hook(
        lambda *_: seen.append(torch.cat([p.grad.flatten() for p in distiller.parameters() if p.grad is not None]))
    )
    wrapped, optimizer = accelerator.prepare(distiller, plain)
    scale = LossScale.of(precision, progress) if scaled else None
    learner = Learner(accelerator, wrapped, optimizer, Objective(dict(plan.recipe.terms.weights)), scale)
    batches = [collate(plan.train[a:b], plan.pair.readers) for a, b in ((0, 3), (3, 5))]
    done = take_step(learner, batches, 1e9)
    return (seen[0] if seen else torch.zeros(1)), done


def apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


def test_the_gradient_is_that_of_float32_and_without_a_scale_it_is_not() -> None:
    right, exact = stepped("fp32")
    found, done = stepped("fp16")
    assert apart(found, right) < 5e-3
    assert done.grad_norm == pytest.approx(exact.grad_norm, rel=5e-3)
    assert done.ledger.loss == pytest.approx(exact.ledger.loss, rel=1e-3)
    assert done.trained == pytest.approx(exact.trained, rel=1e-3)
    lost, _ = stepped("fp16", scaled=False)
    assert apart(lost, right) > 0.02


def test_a_step_that_overflows_is_taken_anew_at_half_the_scale() -> None:
    right, _ = stepped("fp32")
    progress = Progress(scale_exponent=48, scale_steady=7)
    found, done = stepped("fp16", progress)
    assert done.finite
    assert 0 < progress.scale_exponent < 48
    assert progress.scale_steady == 1
    assert apart(found, right) < 5e-3


def test_a_gradient_that_no_scale_mends_leaves_the_step_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    monkeypatch.setattr(
        "sad.train.loss_scale.divide", lambda weights, _: tried.append(weights[0].grad.fill_(torch.nan).numel())
    )
    progress = Progress(scale_exponent=3)
    _, done = stepped("fp16", progress)
    assert not done.finite
    assert progress.scale_exponent == 0
    assert len(tried) == 4


def test_it_doubles_after_steady_steps_up_to_a_bound() -> None:
    progress = Progress(scale_exponent=MOST - 1)
    scale = LossScale(progress)
    for _ in range(STEADY):
        scale.held()
    assert scale.value == 2.0**MOST
    for _ in range(STEADY):
        scale.held()
    assert scale.value == 2.0**MOST
    assert scale.halve()
    assert scale.value == 2.0 ** (MOST - 1)
    assert LossScale.of("bf16") is None


def test_gradients_are_divided_in_place() -> None:
    weight = torch.ones(2, requires_grad=True)
    weight.grad = torch.tensor([4.0, 8.0])
    divide([weight, torch.ones(1)], 4.0)
    assert weight.grad.tolist() == [1.0, 2.0]


def test_a_run_in_float16_goes_on_to_the_last_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sad.train.loss_scale.STEADY", 4)

    def made() -> Any:
        train = {"precision": "fp16", "max_steps": 6, "save_every": 3, "keep_checkpoints": 5}
        return replace(tiny.plan({"train": train}), precision="fp16")

    first, again = made(), made()
    tiny.train(first, tmp_path / "run")
    shutil.rmtree(checkpoint.newest(tmp_path / "run"))
    tiny.train(again, tmp_path / "run", resume=True)
    assert torch.equal(tiny.weights(again.pair.student), tiny.weights(first.pair.student))
    state = json.loads((checkpoint.newest(tmp_path / "run") / checkpoint.STATE).read_text())
    assert (state["scale_exponent"], state["scale_steady"]) == (17, 2)
