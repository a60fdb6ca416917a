import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.parts_do_not_sum import RULE


def test_missing_part_is_measured(judge):
    (finding,) = judge(RULE, "steps: 10\ntrain/loss: 10\ntrain/weighted/kd: 6\ntrain/weighted/lm: 2")

    assert finding.numbers["gap"] == pytest.approx(0.2)
    assert "missing" in finding.headline


def test_parts_that_are_too_large_have_another_cause(judge):
    (finding,) = judge(RULE, "steps: 10\ntrain/loss: 1\ntrain/weighted/kd: 6.3\ntrain/weighted/lm: 2")

    assert "too much" in finding.headline
    assert "accumulation" in finding.cause


def test_a_loss_that_is_divided_once_too_often(judge):
    text = "steps: 40\ntrain/loss: 2.5 -> 1.5\ntrain/weighted/kd: 6 -> 4\ntrain/weighted/lm: 4 -> 2"
    (finding,) = judge(RULE, text)

    assert "The sum of the parts is 4 times the loss" in finding.headline
    assert "divided once too often" in finding.cause


def test_gap_that_changes_sides_is_noise(judge):
    text = "steps: 100\ntrain/loss: 10 ~ 0.8\ntrain/weighted/kd: 6 ~ 0.5\ntrain/weighted/lm: 4 ~ 0.5"

    assert judge(RULE, text) == []


def test_total_that_lags_behind_is_allowed_for(judge):
    total = ", ".join(f"{20 - 0.5 * (i - 1):.3f}" for i in range(1, 21))
    parts = ", ".join(f"{20 - 0.5 * i:.3f}" for i in range(1, 21))
    steps = ", ".join(str(i) for i in range(1, 21))

    assert judge(RULE, f"steps: {steps}\ntrain/loss: {total}\ntrain/weighted/kd: {parts}") == []


def test_raw_times_weight_counts_as_parts(judge):
    text = "steps: 10\ntrain/loss: 10\ntrain/raw/kd: 8\ntrain/weight/kd: 0.5"

    (finding,) = judge(RULE, text)
    assert "raw x weight" in finding.evidence[0]


def test_raw_values_without_weights_are_not_judged(judge):
    with pytest.raises(TooFew, match="without weights"):
        judge(RULE, "steps: 10\ntrain/loss: 10\ntrain/raw/kd: 8\ntrain/raw/lm: 9")


def test_four_printed_decimals_are_enough(judge):
    text = "steps: 4\ntrain/loss: 29.0376\ntrain/weighted/kd: 27.4571\ntrain/weighted/lm: 1.5804"

    assert judge(RULE, text) == []


def test_a_whole_multiple_is_an_accumulation_that_is_not_divided(judge):
    text = "steps: 40\ntrain/raw/kd: 2 -> 1\ntrain/raw/lm: 4 -> 3\ntrain/loss: 24 -> 16"
    (finding,) = judge(RULE, text)

    assert "4 times the sum" in finding.headline
    assert "micro-batches" in finding.cause
    with pytest.raises(TooFew):  # weights that are not logged can give any other sum
        judge(RULE, text.replace("24 -> 16", "15 -> 10"))


@pytest.mark.parametrize(
    ("loss", "norm", "level"),
    [
        ("24 -> 16", 0.1, Level.INFO),
        ("24 -> 16", 0.5, Level.WARNING),
        ("0.75 -> 0.5", 1, Level.INFO),
        ("0.75 -> 0.5", 0.1, Level.WARNING),
    ],
)
def test_the_norm_of_the_gradient_tells_a_number_that_alone_is_scaled(judge, loss, norm, level):
    text = f"steps: 40\ntrain/raw/kd: 2 -> 1\ntrain/raw/lm: 4 -> 3\ntrain/loss: {loss}\ntrain/grad_norm: {norm}"
    (finding,) = judge(RULE, text)
    assert finding.level == level


def test_a_term_that_is_not_added_is_named(judge):
    text = "steps: 40\ntrain/raw/kd: 2 -> 1\ntrain/raw/lm: 4 -> 3\ntrain/raw/layerwise: 1 -> 0.5\ntrain/loss: 5 -> 3.5"
    (finding,) = judge(RULE, text)

    assert "kd is not in the loss" in finding.headline
    assert finding.level == Level.WARNING


def test_a_term_that_is_counted_twice_is_a_hint(judge):
    text = "steps: 40\ntrain/loss: 15 -> 10\ntrain/raw/kd: 5 -> 3\ntrain/raw/lm: 4 -> 3.5\ntrain/raw/hidden: 1 -> 0.5"
    (finding,) = judge(RULE, text)
    assert finding.level.name == "INFO"
    assert "The term kd is in the loss 2 times" in finding.headline
    with pytest.raises(TooFew, match="without weights"):
        judge(RULE, text.replace("15 -> 10", "13 -> 8.7"))


def test_a_constant_above_the_parts_is_a_hint(judge):
    text = "steps: 40\ntrain/loss: {} -> {}\ntrain/raw/kd: 5 -> 2\ntrain/raw/lm: 4 -> 2.5"
    (finding,) = judge(RULE, text.format(9.9, 5.42))
    assert "above the sum of its parts" in finding.headline
    # kd with a weight of 1.5: the rest falls with it
    with pytest.raises(TooFew, match="without weights"):
        judge(RULE, text.format(11.5, 5.5))


def test_a_loss_that_is_the_mean_of_its_parts_has_equal_weights(judge):
    mean = "steps: 40\ntrain/loss: 5 -> 3\ntrain/raw/kd: 4 -> 2\ntrain/raw/ce: 6 -> 4"

    with pytest.raises(TooFew):
        judge(RULE, mean)
    assert judge(RULE, mean.replace("5 -> 3", "2.5 -> 1.5"))
    assert judge(RULE, mean.replace("raw", "weighted"))


def test_half_the_sum_may_be_weights_of_a_half(judge):
    text = "steps: 40\ntrain/loss: 6 -> 3.5\ntrain/raw/kd: 4 -> 2\ntrain/raw/ce: 6 -> 4\ntrain/raw/hidden: 2 -> 1"

    (finding,) = judge(RULE, text)
    assert finding.level == Level.INFO
    (finding,) = judge(RULE, text.replace("6 -> 3.5", "3 -> 1.75"))
    assert finding.level == Level.WARNING


def test_a_label_loss_that_is_only_watched_is_a_hint(judge):
    (finding,) = judge(RULE, "steps: 40\ntrain/loss: 2 -> 1\ntrain/raw/kd: 2 -> 1\ntrain/raw/ce: 4 -> 3")

    assert "The term ce is not in the loss: kd alone is it" in finding.headline
    assert finding.level == Level.INFO


def test_a_loss_that_one_part_alone_drives_is_a_hint(judge):
    text = "steps: 40\ntrain/loss: {}\ntrain/raw/kd: 5 -> 1\ntrain/raw/ce: 4 -> 3"

    (finding,) = judge(RULE, text.format("1.6 -> 1.2"))
    assert "The term kd is not in the loss: ce alone is it at every step, but for a constant" in finding.headline
    assert finding.level == Level.INFO
    # with kd in it by a little, or no move to tell by, nothing is said
    for other in ("1.65 -> 1.21", "1.6 -> 1.2 ~ 0.02"):
        with pytest.raises(TooFew, match="without weights"):
            judge(RULE, text.format(other))


def test_the_trainer_itself_says_that_they_do_not(judge):
    sound = "steps: 40\ntrain/loss: 6.1 -> 4\ntrain/weighted/kd: 3.1 -> 2\ntrain/weighted/lm: 3 -> 2"
    said = "the loss that is trained is 2.5e+01, its parts sum to 6.125"

    assert judge(RULE, sound) == []
    (finding,) = judge(RULE, f"event warning @ 7: {said}\n{sound}")
    assert finding.numbers == {"trained": 25.0, "sum": 6.125}
    assert "at step 7" in finding.headline
