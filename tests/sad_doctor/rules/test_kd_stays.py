import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.kd_stays import RULE

LM = "train/raw/lm: 8 -> 4 ~ 0.1\n"


def test_kd_that_rises_from_nearly_nothing_is_a_copy(judge):
    (copy,) = judge(RULE, f"steps: 300\ntrain/raw/kd: 0.1 -> 0.9 ~ 0.02\n{LM}")
    (away,) = judge(RULE, f"steps: 300\ntrain/raw/kd: 2 -> 3 ~ 0.05\n{LM}")

    assert (copy.level, away.level) == (Level.INFO, Level.WARNING)
    assert "rises" in away.headline


def test_a_label_loss_that_stays_too_says_nothing(judge):
    assert judge(RULE, "steps: 300\ntrain/raw/kd: 4 ~ 0.05\ntrain/raw/lm: 8 ~ 0.1") == []


def test_an_evaluation_of_the_kl_overrules_the_training(judge):
    text = f"steps: 300\ntrain/raw/kd: 4 ~ 0.05\n{LM}steps: 6 every 50\neval/kl: 3 -> 1"

    assert judge(RULE, text) == []


def test_a_weight_that_is_not_known_could_lift_it(judge):
    ramp = "steps: 300\ntrain/weighted/kd: 0.2 -> 2 -> 1.5 -> 1.2 ~ 0.02\ntrain/weighted/lm: 8 -> 4 ~ 0.1"
    flat = "steps: 300\ntrain/weighted/kd: 2 ~ 0.02\ntrain/weighted/lm: 8 -> 4 ~ 0.1"

    assert judge(RULE, ramp) == []
    assert len(judge(RULE, flat)) == 1


def test_what_it_needs(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 300\ntrain/raw/kd: 4")


def test_a_weighted_kd_whose_weight_comes_in_is_not_judged(judge):
    text = "steps: 200\ntrain/raw/kd: 0 -> 0.2 -> 0.9 -> 0.7 -> 0.4 ~ 0.01\ntrain/raw/lm: 1.5 -> 1 ~ 0.01\n"
    total = "train/loss: 1.5 -> 1.575 -> 2.15 -> 1.825 -> 1.4"
    assert judge(RULE, text.replace(" ~ 0.01", "") + total) == []


def test_a_kd_near_the_logarithm_of_a_vocabulary_stays_if_it_loses_next_to_nothing(judge):
    """It may lose more than a tenth of the label loss's few nats, and still be that of unrelated distributions."""
    text = "steps: 120\ntrain/raw/kd: {kd} ~ 0.05\ntrain/raw/lm: 3.6 -> 2.7 ~ 0.05"

    (finding,) = judge(RULE, text.format(kd="11 -> 10.85"))
    assert "another tokenizer" in finding.cause
    assert judge(RULE, text.format(kd="11 -> 10")) == []
    assert judge(RULE, text.format(kd="5 -> 4.85")) == []


def test_beside_a_total_that_falls_such_a_kd_needs_no_label_loss(judge):
    text = "steps: 120\ntrain/raw/kd: {kd} ~ 0.05\ntrain/loss: 8 -> 6.5 ~ 0.05"

    (finding,) = judge(RULE, text.format(kd="10.9"))
    assert "while the training loss falls" in finding.headline
    assert finding.level == Level.WARNING
    (hint,) = judge(RULE, text.format(kd="4"))
    assert hint.level == Level.INFO
    assert judge(RULE, text.format(kd="4 -> 3.5")) == []
    assert judge(RULE, text.format(kd="4 -> 5")) == []
    assert judge(RULE, text.format(kd="4").replace("6.5", "7.6")) == []


def test_evaluations_of_both_are_judged_where_the_training_logs_neither(judge):
    text = "steps: 10 every 100\neval/kl: 4, 4.02, 3.98, 4.01, 4, 3.99, 4, 4.01, 4, 4\neval/lm_loss: "

    (finding,) = judge(RULE, text + "8 -> 4")
    assert finding.headline.startswith("KD stays (3.995, later 4)")
    assert judge(RULE, text + "8 -> 7.9") == []


def test_a_student_that_is_its_teacher_at_first_is_a_hint(judge):
    (finding,) = judge(
        RULE, "steps: 100\ntrain/raw/kd: 0 -> 0.2 -> 0.2 -> 0.2 -> 0.2 ~ 0.0001\ntrain/raw/lm: 6 -> 5 ~ 0.1"
    )
    assert finding.level == Level.INFO
    assert "already says what its teacher says" in finding.headline


@pytest.mark.parametrize("kd", ["0.1 -> 0.2 -> 0.2 -> 0.2", "0 -> 0.01 -> 0.01", "4 -> 2"])
def test_a_student_of_its_own_is_left_alone(judge, kd):
    told = judge(RULE, f"steps: 100\ntrain/raw/kd: {kd}\ntrain/raw/lm: 6 -> 5 ~ 0.1")
    assert not any("already says" in finding.headline for finding in told)


@pytest.mark.parametrize(("falls", "told"), [(0.0, 1), (0.8, 0)])
def test_thirty_records_of_weighted_values_are_enough(judge, falls, told):
    kd = [2.82 - falls * n / 30 + 0.02 * (-1) ** n for n in range(30)]
    lm = [1.15 - 0.2 * n / 30 + 0.01 * (n % 3) for n in range(30)]
    columns = {"train/raw/kd": kd, "train/raw/lm": lm, "train/loss": [a + b for a, b in zip(kd, lm, strict=True)]}
    text = "".join(f"{name}: {', '.join(f'{v:.6f}' for v in values)}\n" for name, values in columns.items())
    assert len(judge(RULE, f"steps: {', '.join(str(10 * n) for n in range(30))}\n{text}")) == told
