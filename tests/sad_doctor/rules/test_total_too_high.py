import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.total_too_high import RULE


def test_before_step_5000_it_waits(judge):
    with pytest.raises(TooFew, match="5,000"):
        judge(RULE, "steps: 50 every 100\ntrain/loss: 20")


def test_one_bad_batch_does_not_count(judge):
    assert judge(RULE, "steps: 5100, 5200, 5300\ntrain/loss: 9, 99, 9") == []


def test_the_largest_part_is_named(judge):
    (finding,) = judge(
        RULE, "steps: 6000, 7000\ntrain/weighted/a: 90, 90\ntrain/weighted/b: 10, 10\ntrain/loss: 100, 100"
    )

    assert finding.evidence[1] == "Largest part at the end: a, 90.0% of the loss"


def test_weights_on_purpose_are_fine_where_the_raw_values_are_told(judge):
    text = "steps: 6000, 7000\ntrain/raw/lm: 4, 4\ntrain/weight/lm: 5, 5\ntrain/weighted/lm: 20, 20\ntrain/loss: 20, 20"

    assert judge(RULE, text) == []


def test_a_raw_value_on_another_scale_is_not(judge):
    text = "steps: 6000, 7000\ntrain/raw/a: 400, 400\ntrain/weight/a: 0.05, 0.05\ntrain/loss: 20, 20"

    assert len(judge(RULE, text)) == 1


def test_the_threshold_can_be_changed(judge):
    assert judge(RULE, "steps: 6000, 7000\ntrain/loss: 20, 20", total=25) == []


def test_a_total_alone_that_begins_above_any_mean_over_tokens_is_a_hint(judge):
    (finding,) = judge(RULE, "steps: 60\ntrain/loss: 81 -> 50 -> 39 ~ 2")
    assert finding.level == Level.INFO
    assert "no mean over tokens begins so high" in finding.headline


@pytest.mark.parametrize(
    "text",
    [
        "train/loss: 45 -> 9 -> 4 -> 4",
        "train/loss: 24 -> 20",
        "train/loss: 81 -> 39\ntrain/raw/lm: 5 -> 4",
    ],
)
def test_one_that_comes_down_or_tells_its_terms_waits(judge, text):
    with pytest.raises(TooFew):
        judge(RULE, f"steps: 60\n{text}")


def test_one_that_begins_far_too_high_is_a_hint_wherever_it_ends(judge):
    (finding,) = judge(RULE, "steps: 60\ntrain/loss: 300 -> 100 -> 9 -> 4")
    assert finding.level.name == "INFO"
    with pytest.raises(TooFew):
        judge(RULE, "steps: 60\ntrain/loss: 300 -> 100 -> 9 -> 4\ntrain/accuracy: 0.1 -> 0.6")


def test_one_record_far_above_any_mean_is_a_hint(judge):
    [hint] = judge(RULE, "steps: 5, 6, 7, 8, 9\ntrain/loss: 429, 425, 430, 420, 400")
    assert (hint.level, "begins at 429 and is 400 at step 9" in hint.headline) == (Level.INFO, True)
    [hint] = judge(RULE, "steps: 1\ntrain/loss: 429")
    assert hint.headline == "The total loss begins at 429 at step 1: no mean over tokens begins so high."
    with pytest.raises(TooFew):
        judge(RULE, "steps: 2\ntrain/loss: 31, 30")
