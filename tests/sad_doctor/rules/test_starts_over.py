import numpy as np
import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.starts_over import RULE

STRETCH = 40
RANDOM = np.random.default_rng(3)


def written(value, extra=""):
    told = ", ".join(f"{v:.4f}" for v in value + 0.01 * RANDOM.standard_normal(value.size))
    return f"steps: {', '.join(map(str, range(1, value.size + 1)))}\ntrain/raw/lm: {told}{extra}"


def learned(count, low=4.5):
    return low + 1.5 * np.exp(-np.linspace(0, 3, count))


def test_jumps_back_at_even_distances(judge):
    (finding,) = judge(RULE, written(np.tile(learned(STRETCH), 4)))
    assert finding.level == Level.WARNING
    assert "starts over every 40 steps" in finding.headline
    assert finding.first_step == STRETCH + 1
    assert finding.numbers["jumps"] == 3


def test_jumps_with_every_epoch_are_told_so(judge):
    epochs = ", ".join(f"{(step - 1) / STRETCH:.4f}" for step in range(1, 4 * STRETCH + 1))
    (finding,) = judge(RULE, written(np.tile(learned(STRETCH), 4), f"\ntrain/epoch: {epochs}"))
    assert "with every epoch" in finding.headline


@pytest.mark.parametrize(
    "value",
    [
        learned(160),
        # one jump is a resume's
        np.concatenate((learned(80), learned(80))),
        # restarts of the learning rate: up by a tenth of what was gained
        learned(160) + np.tile(np.linspace(0.12, 0, STRETCH), 4),
        # sorted texts: up slowly, down at once
        np.tile(np.linspace(4, 5.5, STRETCH), 4),
        # two sources in turn
        np.tile(np.concatenate((np.full(20, 5.5), np.full(20, 4.0))), 4),
        # a term in turn, in short stretches, beside a loss that falls
        np.linspace(0.2, 0, 160) + np.tile(np.concatenate((np.linspace(5.9, 5.3, 9), np.full(11, 4.0))), 8),
        # the same, of two that are learned meanwhile
        np.tile(np.concatenate((np.full(20, 8.0), np.full(20, 6.0))), 3) - np.linspace(0, 2.4, 120),
        # at no even distance
        np.concatenate([learned(n) for n in (20, 70, 40, 30)]),
    ],
)
def test_others_are_left_alone(judge, value):
    assert judge(RULE, written(value)) == []


def test_jumps_after_few_records_are_a_hint(judge):
    (finding,) = judge(RULE, written(np.tile(learned(16), 8)))
    assert finding.level == Level.INFO
    assert "two kinds" in finding.cause


@pytest.mark.parametrize(
    ("told", "level"),
    [
        ([1] * 40 + [2] * 40 + [3] * 40 + [4] * 40, Level.INFO),
        # it does not change at the last jump
        ([1] * 40 + [2] * 40 + [3] * 80, Level.WARNING),
    ],
)
@pytest.mark.parametrize("setting", ["stage", "train/length"])
def test_a_setting_that_changes_at_each_jump_makes_it_a_hint(judge, setting, told, level):
    (finding,) = judge(RULE, written(np.tile(learned(STRETCH), 4), f"\n{setting}: {', '.join(map(str, told))}"))
    assert finding.level == level
    assert ("takes another value" in finding.cause) is (level == Level.INFO)


def test_the_epoch_is_no_setting(judge):
    told = ", ".join(str(step // STRETCH) for step in range(4 * STRETCH))
    (finding,) = judge(RULE, written(np.tile(learned(STRETCH), 4), f"\ncurrent_epoch: {told}"))
    assert finding.level == Level.WARNING


def test_few_records_are_not_judged(judge):
    with pytest.raises(TooFew):
        judge(RULE, written(learned(30)))


def test_a_distance_in_epochs_is_told_in_epochs(judge):
    text = written(np.tile(learned(STRETCH), 4), "\nfact step_unit: epoch")
    (finding,) = judge(RULE, text)
    assert "every 40 epochs" in finding.headline


def test_of_places_that_rise_alike_in_a_rounded_log_it_is_where_the_record_rises(judge):
    told = ", ".join(f"{value:.0f}" for value in np.tile(2 + 8 * np.exp(-np.linspace(0, 3, 23)), 5))
    (finding,) = judge(RULE, f"steps: {', '.join(map(str, range(115)))}\ntrain/raw/lm: {told}")
    assert "starts over every 23 steps" in finding.headline
    assert finding.first_step == 23
