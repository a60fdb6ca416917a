from sad_doctor.finding import Level
from sad_doctor.rules.loss_oscillates import RULE

SWINGS = "5 -> 3 -> 4.5 -> 3 -> 4.5 -> 3 -> 4.5 -> 3 -> 4.5 -> 3 -> 4.5 -> 3 ~ 0.1"


def test_an_evaluation_that_falls_makes_it_a_hint(judge):
    text = f"steps: 600\ntrain/loss: {SWINGS}\n"
    (finding,) = judge(RULE, text)
    assert finding.level == Level.WARNING
    assert finding.numbers["turns"] >= 6

    (hint,) = judge(RULE, f"{text}steps: 6 every 100\neval/lm_loss: 5 -> 3")
    assert hint.level == Level.INFO


def test_restarts_of_the_learning_rate_excuse_it(judge):
    rate = "1e-3 -> 0 -> 1e-3 -> 0 -> 1e-3 -> 0 -> 1e-3 -> 0 -> 1e-3 -> 0 -> 1e-3 -> 0"

    assert judge(RULE, f"steps: 600\ntrain/loss: {SWINGS}\ntrain/lr: {rate}") == []


def test_weights_that_swing_while_the_terms_do_not(judge):
    text = f"steps: 600\ntrain/loss: {SWINGS}\ntrain/raw/kd: 2 -> 1 ~ 0.05\ntrain/raw/lm: 4 -> 3 ~ 0.05"

    assert judge(RULE, text) == []


def test_records_that_alternate(judge):
    values = ", ".join(["3", "4.5"] * 150)

    (finding,) = judge(RULE, f"steps: 300\ntrain/loss: {values}")
    assert "alternates" in finding.headline


def test_noise_does_not_swing(judge):
    for level in ("4 ~ 0.1", "4 ~ 1", "9 -> 3 ~ 1", "0.05 ~ 0.02"):
        assert judge(RULE, f"steps: 1000\ntrain/loss: {level}") == []
