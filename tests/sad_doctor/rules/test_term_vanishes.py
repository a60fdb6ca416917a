import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.term_vanishes import RULE


def levels(found):
    return [f.level for f in found]


def test_a_core_term_with_a_weight_that_is_always_0_is_an_error(judge):
    text = "steps: 50\ntrain/raw/kd: 0\ntrain/weight/kd: 1\ntrain/raw/lm: 4 -> 3"

    (finding,) = judge(RULE, text)
    assert finding.level == Level.ERROR
    assert "never appears" in finding.headline


@pytest.mark.parametrize("term", ["load_balance", "contrastive"])
def test_other_terms_may_be_switched_off(judge, term):
    assert levels(judge(RULE, f"steps: 50\ntrain/weighted/{term}: 0\ntrain/weighted/lm: 4")) == [Level.INFO]


def test_a_term_that_is_no_longer_logged(judge):
    text = "steps: 1000\ntrain/raw/kd: 4\nsteps: 0, 1\ntrain/raw/lm: 8, 8"

    (finding,) = judge(RULE, text)
    assert "is not logged after step 1" in finding.headline


def test_a_weight_at_0_for_most_of_the_run(judge):
    off = ", ".join(["1"] * 20 + ["0"] * 80)
    late = ", ".join(["1"] * 80 + ["0"] * 20)
    text = "steps: 100\ntrain/raw/kd: 2 -> 1\ntrain/raw/lm: 4\ntrain/weight/lm: 1\ntrain/weight/kd: "

    assert Level.WARNING in levels(judge(RULE, text + off))
    assert Level.WARNING not in levels(judge(RULE, text + late))


def test_the_fingerprint_of_a_mean_over_the_vocabulary(judge):
    text = "fact vocabulary_size: 128\nsteps: 100\ntrain/raw/lm: 5 -> 4\ntrain/raw/kd: "

    (finding,) = judge(RULE, text + "0.015 -> 0.009")
    assert finding.numbers["product"] == pytest.approx(1.92, rel=0.1)
    assert judge(RULE, text + "1.9 -> 1.2") == []


def test_without_a_vocabulary_the_label_loss_tells(judge):
    small = "steps: 100\ntrain/raw/lm: 5 -> 4 ~ 0.05\ntrain/raw/kd: 0.015 -> 0.009"
    copy = "steps: 100\ntrain/raw/lm: 5 -> 4 ~ 0.05\ntrain/raw/kd: 0.015 -> 0.5"

    assert "far too small" in judge(RULE, small)[0].headline
    assert judge(RULE, copy) == []


def test_few_records_are_a_hint_where_all_of_a_term_are_0(judge):
    [hint] = judge(RULE, "steps: 5\ntrain/raw/kd: 0\ntrain/raw/lm: 5 -> 4")
    assert (hint.level, "term kd never appears" in hint.headline) == (Level.INFO, True)
    for few in ("steps: 5\ntrain/raw/kd: 0.1, 0, 0, 0, 0", "steps: 2\ntrain/raw/kd: 0"):
        with pytest.raises(TooFew):
            judge(RULE, few)


def _rows(name, values):
    return f"steps: {', '.join(map(str, range(1, len(values) + 1)))}\n{name}: {', '.join(map(str, values))}\n"


def test_a_term_that_comes_down_to_0_smoothly_is_a_schedule(judge):
    other = "steps: 100\ntrain/weighted/lm: 4 -> 3"
    smooth = [round(2 * (1 - i / 50), 2) for i in range(50)] + [0] * 50

    (schedule,) = judge(RULE, _rows("train/weighted/kd", smooth) + other)
    (gone,) = judge(RULE, _rows("train/weighted/kd", [2] * 50 + [0] * 50) + other)
    assert (schedule.level, gone.level) == (Level.INFO, Level.WARNING)
    assert "schedule" in schedule.remedy


def test_a_weight_that_ends_is_told_once(judge):
    smooth = [round(1 - i / 40, 3) for i in range(40)] + [0] * 60
    weighted = [2 * weight for weight in smooth]

    (schedule,) = judge(RULE, _rows("train/weight/kd", smooth) + _rows("train/weighted/kd", weighted))
    assert schedule.level == Level.INFO
    assert "its weight ends at 0 from step 41" in schedule.headline


@pytest.mark.parametrize("name", ["T", "kd_temperature"])
def test_a_temperature_whose_square_is_left_out_is_said(judge, name):
    text = "steps: 100\ntrain/raw/lm: 5 -> 3 ~ 0.05\ntrain/raw/kd: 2.4e-4 -> 2.1e-4"

    (squared,) = judge(RULE, f"{text}\n{name}: 100")
    (vocabulary,) = judge(RULE, text)
    assert "times the temperature squared (100²) it is 2.3" in squared.headline
    assert "vocabulary" in vocabulary.headline


def test_a_weight_that_ends_with_a_stage_is_a_schedule(judge):
    off = _rows("train/weight/kd", [1] * 40 + [0] * 60) + _rows("train/weighted/kd", [2] * 40 + [0] * 60)

    (schedule,) = judge(RULE, off + _rows("stage", [1] * 40 + [2] * 60))
    (early,) = judge(RULE, off)
    assert (schedule.level, early.level) == (Level.INFO, Level.WARNING)


def test_a_kd_that_grows_has_no_divisor(judge):
    text = "fact vocabulary_size: 192\nsteps: 100\ntrain/raw/lm: 5 -> 4 ~ 0.05\ntrain/raw/kd: "

    (finding,) = judge(RULE, text + "0.09 -> 0.05 ~ 0.001")
    assert "times the vocabulary" in finding.headline
    assert judge(RULE, text + "0.09 -> 0.05 -> 1.4 -> 1.1 -> 1 ~ 0.01") == []


def test_a_kd_that_was_small_from_the_first_record_where_most_of_the_fall_is_early(judge):
    text = "steps: 60\ntrain/raw/kd: 0.0019 -> 0.0011\ntrain/raw/ce: 6.2, 6.2, 6.2, 6.2, 6.2, 5.4, "
    (finding,) = judge(RULE, text + ", ".join(f"{5.3 - 0.002 * i:.3f}" for i in range(54)))

    assert "far too small" in finding.headline


def test_a_term_with_a_weight_and_no_value(judge):
    text = "steps: 50\ntrain/raw/lm: 4 -> 3\ntrain/weight/lm: 1\ntrain/weight/{}: 0.7"

    (finding,) = judge(RULE, text.format("kd"))
    assert (finding.level, finding.numbers) == (Level.WARNING, {"weight": 0.7})
    assert "kd never appears: its weight is 0.7, and no value of it is recorded" in finding.headline
    assert levels(judge(RULE, text.format("contrastive"))) == [Level.INFO]
    # what is there sums to the loss: it cannot be in it
    whole = "\ntrain/weighted/lm: 4 -> 3\ntrain/loss: {} -> 3"
    assert levels(judge(RULE, text.format("contrastive") + whole.format(4))) == [Level.WARNING]
    assert levels(judge(RULE, text.format("contrastive") + whole.format(5))) == [Level.INFO]
    assert levels(judge(RULE, "steps: 50\ntrain/loss: 4\ntrain/weight/kd: 1")) == [Level.INFO]


@pytest.mark.parametrize(("kd", "told"), [("0.008 -> 0.004", 1), ("0.08 -> 0.04", 0), ("0.002 -> 0.02", 0)])
def test_kd_too_small_for_the_fall_of_the_labels_whatever_the_weights(judge, kd, told):
    text = f"steps: 60\ntrain/weighted/kd: {kd}\ntrain/weighted/lm: 0.9 -> 0.4 -> 0.3\ntrain/loss: 1"
    found = judge(RULE, text)
    assert [one.level for one in found] == [Level.INFO] * told
    assert all("far too small" in one.headline for one in found)


def test_a_small_kd_of_a_student_that_came_trained(judge):
    text = "fact vocabulary_size: 61\nsteps: 60\ntrain/raw/kd: 0.02 -> 0.004 -> 0.002 ~ 0.0002\ntrain/raw/lm: "
    assert judge(RULE, text + "2.9 ~ 0.02") == []
    assert judge(RULE, text + "4 -> 3.2 -> 3 ~ 0.02")
