import pytest

from sad_doctor import names
from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.finding import Level
from sad_doctor.rules.weight_negative import RULE


@pytest.mark.parametrize("term", ["kd", "lm", "ce", "layerwise"])
def test_a_logged_weight_below_zero(judge, term):
    (finding,) = judge(RULE, f"steps: 50\ntrain/weight/{term}: -0.5\ntrain/raw/{term}: 2 -> 9")
    assert finding.level == Level.ERROR
    assert f"weight of the term {term} is negative, -0.5" in finding.headline


def test_a_weight_that_falls_through_zero_late_is_a_warning(judge):
    (finding,) = judge(RULE, "steps: 100\ntrain/weight/kd: 1 -> -0.1\ntrain/raw/kd: 2")
    assert finding.level == Level.WARNING
    assert finding.first_step > 80


def test_the_sign_is_seen_without_a_logged_weight(judge):
    (finding,) = judge(RULE, "steps: 50\ntrain/weighted/kd: -1 -> -5\ntrain/raw/kd: 2 -> 10\ntrain/weighted/lm: 3")
    assert "-0.5" in finding.headline
    assert "another sign" in finding.evidence[1]


@pytest.mark.parametrize("parts", ["train/weighted/kd: -1 -> -5\ntrain/weighted/lm: 6 -> 7", "train/weighted/kd: -1"])
def test_a_weighted_value_below_zero_throughout(judge, parts):
    (finding,) = judge(RULE, f"steps: 50\n{parts}")
    assert finding.level == Level.ERROR
    assert "counts with a negative sign: -1 in the first record" in finding.headline


def test_values_called_raw_that_sum_to_the_total_are_weighted(judge):
    text = "steps: 50\ntrain/raw/kd: -1 -> -3\ntrain/raw/lm: 6 -> 7\ntrain/loss: 5 -> 4"
    (finding,) = judge(RULE, text)
    assert "negative sign" in finding.headline


@pytest.mark.parametrize(
    "text",
    [
        # it began above zero: no weight of one sign does that
        "steps: 50\ntrain/weighted/kd: 1 -> -2\ntrain/weighted/lm: 6 -> 7",
        "steps: 50\ntrain/weight/kd: 0.5 -> 0\ntrain/raw/kd: 2",
        # a loss that is itself below zero is another flag's
        "steps: 50\ntrain/weighted/kd: -1\ntrain/raw/kd: -2",
        # a bonus has a sign of its own
        "steps: 50\ntrain/weight/entropy: -0.01\ntrain/raw/entropy: 3",
        "steps: 50\ntrain/weighted/kd: 0\ntrain/raw/kd: 2",
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, text) == []


def test_it_comes_first_and_explains_what_it_does():
    text = "steps: 200\ntrain/weight/kd: -1\ntrain/raw/kd: 2 -> 30\ntrain/raw/lm: 6 -> 9\ntrain/weight/lm: 1"
    report = check(parse(text))
    assert report.findings[0].rule == RULE.code
    assert names.KD in report.findings[0].headline


def test_the_total_tells_that_a_term_is_subtracted(judge):
    text = "steps: 50\ntrain/loss: {}\ntrain/raw/kd: {}\ntrain/raw/ce: {}"
    kd = [2 + 0.1 * i + 0.2 * (i % 3) for i in range(50)]
    ce = [6 - 0.05 * i + 0.3 * (i % 7) for i in range(50)]

    def told(sign):
        total = [0.5 * b + sign * 0.5 * a for a, b in zip(kd, ce, strict=True)]
        return text.format(*(", ".join(f"{value:.4f}" for value in values) for values in (total, kd, ce)))

    (finding,) = judge(RULE, told(-1))
    assert finding.headline.startswith("The weight of the term kd is negative, -0.5")
    assert "The log tells no weight" in finding.evidence[1]
    assert judge(RULE, told(1)) == []


RISING = "train/raw/kd: 2 -> 20 ~ 0.1\ntrain/raw/lm: 4 -> 14 ~ 0.1"


def test_a_total_below_zero_whose_terms_all_rise(judge):
    (finding,) = judge(RULE, f"steps: 100\ntrain/loss: 1 -> -3 ~ 0.05\n{RISING}")
    assert finding.level == Level.ERROR
    assert "all of its terms rise" in finding.headline


@pytest.mark.parametrize("total", ["1 -> 0.1", "1 -> 3", "-1"])
def test_a_total_that_stays_above_zero_or_does_not_fall_may_have_moving_weights(judge, total):
    assert judge(RULE, f"steps: 100\ntrain/loss: {total} ~ 0.05\n{RISING}") == []


def test_one_term_that_falls_makes_the_total_fall(judge):
    text = "steps: 100\ntrain/loss: 1 -> -3 ~ 0.05\ntrain/raw/kd: 2 -> 20 ~ 0.1\ntrain/raw/lm: 4 -> 1 ~ 0.1"
    assert judge(RULE, text) == []
