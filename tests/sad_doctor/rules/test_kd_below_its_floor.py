import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.kd_below_its_floor import RULE


def test_a_sampled_estimate_may_be_negative_now_and_then(judge):
    often = ", ".join(["-0.3"] * 30 + ["0.5"] * 70)
    rare = ", ".join(["-0.3"] * 10 + ["0.5"] * 90)

    (finding,) = judge(RULE, f"steps: 100\ntrain/raw/kd: {often}")
    assert finding.level == Level.WARNING
    assert judge(RULE, f"steps: 100\ntrain/raw/kd: {rare}") == []


def test_a_weight_can_make_a_part_negative(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 9\ntrain/weighted/kd: -3")
    assert judge(RULE, "steps: 9\ntrain/weighted/kd: -3\ntrain/weight/kd: -1\neval/kl: 1") == []


def test_other_terms_may_be_negative(judge):
    assert judge(RULE, "steps: 9\ntrain/raw/cosine: -0.9\ntrain/raw/lm: 3") == []


def test_an_evaluation_is_judged_too(judge):
    (finding,) = judge(RULE, "steps: 4 every 100\neval/kl: 0.5, 0.1, -0.4, -0.9\neval/lm_loss: 3")

    assert finding.level == Level.ERROR
    assert "-0.9 at step 400" in finding.headline
