"""What a logged line says besides the terms."""

from __future__ import annotations

import math

import pytest

from sad import tiny
from sad.distiller import Distiller
from sad.train.clock import Clock
from sad.train.ledger.measurements import measured
from sad.train.loss_scale import Begun, LossScale
from sad.train.optimizer import make_optimizer, rate_factor
from sad.train.saving.checkpoint import Progress
from sad_doctor import names


def test_learning_rates_memory_and_cuts() -> None:
    plan = tiny.plan()
    pair = plan.pair
    distiller = Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms)
    optimizer = make_optimizer(distiller, plan.recipe.train)
    clock = Clock()
    clock.start()
    clock.mark("data")
    found = measured(
        clock, optimizer, Progress(), "cpu", {names.GRAD_SHARE + "kd": 0.75, names.GRAD_SHARE + "lm": math.nan}
    )
    assert found.pop(names.MEMORY) > 1e6
    assert found.pop(names.SECONDS + "data") >= 0
    assert found == {names.GRAD_SHARE + "kd": 0.75, names.LEARNING_RATE_OF + "projectors": 1e-2}
    assert measured(clock, optimizer, Progress(cuts=4), "cpu", {})[names.MICRO_BATCH_CUTS] == 4
    scale = LossScale(Begun(scale_exponent=5))
    assert measured(clock, optimizer, Progress(), "cpu", {}, scale)[names.LOSS_SCALE] == 32


def test_every_group_has_the_rate_of_its_step() -> None:
    plan = tiny.plan({"train": {"projector_learning_rate": 0.5}})
    train = plan.recipe.train
    for line in tiny.train(plan).record:
        if names.LOSS in line:
            factor = rate_factor(line["step"] - 1, plan.steps, train.warmup, train.final_learning_rate)
            assert line[names.LEARNING_RATE_OF + "projectors"] == pytest.approx(0.5 * factor)


def test_a_run_without_projectors_has_one_rate() -> None:
    lines = tiny.train(tiny.plan({"terms": {"layerwise": {"weight": 0}}, "train": {"max_steps": 2}})).record
    assert not any(key.startswith(names.LEARNING_RATE_OF) for line in lines for key in line)
