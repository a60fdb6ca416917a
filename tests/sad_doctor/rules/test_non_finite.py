import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.non_finite import RULE


def test_the_series_that_went_first_is_named(judge):
    text = "steps: 4\ntrain/loss: 9, 9, nan, nan\ntrain/weighted/kd: 5\ntrain/weighted/lm: 4, nan, nan, nan"

    (finding,) = judge(RULE, text)
    assert finding.headline == "The term lm becomes NaN at step 2."
    assert finding.first_step == 2
    assert "in 2 of 4 records" in finding.evidence[1]


@pytest.mark.parametrize(
    ("value", "spelled"), [("inf", "infinity"), ("-inf", "minus infinity"), ("1.7976931348623157e308", "infinity")]
)
def test_infinity_counts_also_as_a_store_keeps_it(judge, value, spelled):
    (finding,) = judge(RULE, f"steps: 2\ntrain/loss: 9, {value}")

    assert f"becomes {spelled} at step 2" in finding.headline


def test_an_event_alone_counts(judge):
    (finding,) = judge(RULE, "event non_finite @ 12: gradient of lm is not finite\nsteps: 20\ntrain/loss: 9")

    assert finding.first_step == 12
    assert "gradient of lm" in finding.evidence[0]


def test_another_metric_is_a_hint(judge):
    (finding,) = judge(RULE, "steps: 3\ntrain/loss: 9\ngpu/temperature: nan")

    assert finding.level == Level.INFO


def test_a_log_without_a_loss_is_not_judged(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 3\ngpu/temperature: 61")


def test_values_replaced_by_zero_are_left_to_their_rule(judge):
    text = "event non_finite @ 436: lm_loss produced non-finite value (nan); clamping to zero.\nsteps: 9\ntrain/loss: 9"

    assert judge(RULE, text) == []
