"""The closed forms, against the schedules of the libraries."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

from sad.subjects.schedules import Schedule, distance, factor
from sad.train.optimizer import rate_factor

TOTAL, WARMUP, PEAK = 20, 4, 3e-3

LIBRARY = {
    Schedule.LINEAR: lambda o: get_linear_schedule_with_warmup(o, WARMUP, TOTAL),
    Schedule.COSINE: lambda o: get_cosine_schedule_with_warmup(o, WARMUP, TOTAL),
    Schedule.CONSTANT: lambda o: get_constant_schedule_with_warmup(o, WARMUP),
}


def rates(schedule: Schedule, total: int = TOTAL, warmup: int = WARMUP) -> list[float]:
    return [PEAK * factor(schedule, k, total, warmup) for k in range(total)]


@pytest.mark.parametrize("schedule", Schedule)
def test_the_library_s_schedules_are_these(schedule: Schedule) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
    scheduler = LIBRARY[schedule](optimizer)
    found = []
    for _ in range(TOTAL):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert found == pytest.approx(rates(schedule), abs=1e-15)
    assert distance(found, schedule, TOTAL, WARMUP, PEAK) < 1e-12


def test_torch_s_cosine_is_one_too() -> None:
    for span in (TOTAL, TOTAL - 1):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, span)
        found = []
        for _ in range(TOTAL):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        assert distance(found, Schedule.COSINE, TOTAL, 0, PEAK) < 1e-12


def test_the_schedule_that_trains_is_a_cosine() -> None:
    found = [PEAK * rate_factor(k, TOTAL, WARMUP / TOTAL, 0.0) for k in range(TOTAL)]
    assert distance(found, Schedule.COSINE, TOTAL, WARMUP, PEAK) < 1e-12


@pytest.mark.parametrize(("mine", "other"), permutations(Schedule, 2))
def test_no_convention_of_one_is_another(mine: Schedule, other: Schedule) -> None:
    assert distance(rates(mine), other, TOTAL, WARMUP, PEAK) > 0.05


def test_half_way_a_line_and_a_cosine_agree() -> None:
    assert factor(Schedule.LINEAR, 12, TOTAL, WARMUP) == pytest.approx(factor(Schedule.COSINE, 12, TOTAL, WARMUP))
    assert factor(Schedule.COSINE, 8, TOTAL, WARMUP) == pytest.approx(0.5 + 0.25 * math.sqrt(2))


@given(st.sampled_from(Schedule), st.integers(6, 60), st.data())
def test_a_schedule_in_another_unit_is_none_of_its_conventions(schedule: Schedule, total: int, data: st.DataObject):
    warmup = data.draw(st.integers(0, total // 3))
    own = rates(schedule, total, warmup)
    assert distance(own, schedule, total, warmup, PEAK) < 1e-12
    if schedule is not Schedule.CONSTANT:
        faster = [PEAK * factor(schedule, 2 * k, total, warmup) for k in range(total)]
        slower = [PEAK * factor(schedule, k, 2 * total, 2 * warmup) for k in range(total)]
        assert distance(faster, schedule, total, warmup, PEAK) > 0.02
        assert distance(slower, schedule, total, warmup, PEAK) > 0.02
