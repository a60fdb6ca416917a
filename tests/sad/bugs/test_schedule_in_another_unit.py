import pytest

from sad.bugs.schedule_in_another_unit import BUG, buggy, fixed
from sad.invariants.step_accounting import step_accounting
from sad.subjects.schedules import Schedule
from sad.subjects.trainer import Setup
from sad.train import loop


def rates(trainer, accumulation: int, steps: int = 100):
    setup = Setup(
        (3,) * accumulation * steps, accumulation=accumulation, schedule=Schedule.LINEAR, warmup=4, learning_rate=1.0
    )
    return [taken.rate for taken in trainer.run(setup).taken]


def test_the_rate_is_0_after_a_part_of_the_run():
    verdict = step_accounting(buggy())
    assert not verdict.holds
    assert "learning rate 0.00024 at step 4 of 12 with accumulation 3, 0.0098 without" in verdict.says

    found = rates(buggy(), 4)
    assert max(found[25:]) == 0.0
    assert min(found[1:24]) > 0.0


def test_the_warm_up_takes_as_many_times_longer():
    (make,) = BUG.variants.values()
    found = rates(make(), 4)
    assert found[4] == pytest.approx(0.25)
    assert found[-1] > 0.75
    assert not step_accounting(make()).holds


@pytest.mark.parametrize("trainer", [buggy(), *(make() for make in BUG.variants.values())])
def test_without_accumulation_all_is_well(trainer):
    found = rates(trainer, 1)
    assert found[4] == 1.0
    assert found[52] == pytest.approx(0.5)


@pytest.mark.parametrize("faulty", [lambda step, accumulation: step * accumulation, lambda step, _: step // 2])
def test_a_rate_that_counts_in_another_unit_is_found(monkeypatch, faulty):
    right = loop.set_learning_rate
    monkeypatch.setattr(
        loop,
        "set_learning_rate",
        lambda optimizer, step, total, recipe: right(optimizer, faulty(step, recipe.accumulation), total, recipe),
    )
    verdict = step_accounting(fixed())
    assert not verdict.holds
    assert "learning rate" in verdict.says
