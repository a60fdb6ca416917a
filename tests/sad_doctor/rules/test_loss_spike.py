import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.loss_spike import RULE


def test_the_highest_jump_and_its_term_are_told(judge):
    text = """
steps: 100
train/loss: 6 ~ 0.05
train/weighted/kd: 2 ~ 0.03
train/weighted/lm: 4 ~ 0.03
steps: 101, 102, 103
train/loss: 6, 13, 9.5
train/weighted/kd: 2, 2, 2
train/weighted/lm: 4, 11, 7.5
"""
    (finding,) = judge(RULE, text)

    assert finding.level == Level.INFO
    assert finding.headline.endswith("to 13 at step 102.")
    assert finding.numbers["before"] == pytest.approx(6, abs=0.02)
    assert finding.evidence == ("Jumps at steps 102 and 103", "The part that rose most: lm, by 7")


def test_noise_is_no_jump(judge):
    assert judge(RULE, "steps: 1000\ntrain/loss: 9 -> 5 ~ 0.5") == []


def test_small_losses_have_a_floor(judge):
    assert judge(RULE, "steps: 100\ntrain/loss: 0.0001\nsteps: 101, 102\ntrain/loss: 0.3, 0.0001") == []


def test_few_records_are_not_judged(judge):
    with pytest.raises(TooFew, match="64"):
        judge(RULE, "steps: 64\ntrain/loss: 4")


def test_of_a_level_that_stays_up_the_step_up_to_it_is_shown(judge):
    losses = ", ".join(
        f"{(18 if i >= 100 else 2.3) * (1 + 0.01 * (i % 4)) + (1 if i == 150 else 0):.3f}" for i in range(200)
    )
    steps = ", ".join(str(i) for i in range(200))

    (hint,) = judge(RULE, f"steps: {steps}\ntrain/loss: {losses}")
    assert "to 18 at step 100" in hint.headline
