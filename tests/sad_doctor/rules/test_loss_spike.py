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
    with pytest.raises(TooFew, match="24"):
        judge(RULE, "steps: 24\ntrain/loss: 4")


def test_of_a_level_that_stays_up_the_step_up_to_it_is_shown(judge):
    losses = ", ".join(
        f"{(18 if i >= 100 else 2.3) * (1 + 0.01 * (i % 4)) + (1 if i == 150 else 0):.3f}" for i in range(200)
    )
    steps = ", ".join(str(i) for i in range(200))

    (hint,) = judge(RULE, f"steps: {steps}\ntrain/loss: {losses}")
    assert "to 18 at step 100" in hint.headline


BACK = "steps: 40\ntrain/loss: 6 -> 4 ~ 0.03\nsteps: 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52\ntrain/loss: {}"


def test_a_loss_that_is_thrown_back_needs_no_64_records(judge):
    (hint,) = judge(RULE, BACK.format("4.9, 4.85, 4.8, 4.7, 4.6, 4.5, 4.4, 4.3, 4.2, 4.1, 4, 4"))
    assert hint.level == Level.INFO
    assert "thrown back at step 41" in hint.headline
    assert "weights" in hint.cause


def test_one_that_stays_up_is_another_picture(judge):
    assert judge(RULE, BACK.format("4.9")) == []


def test_a_batch_of_random_tokens_in_a_short_log(judge):
    (hint,) = judge(RULE, "steps: 60\ntrain/loss: 6 -> 5.3 -> 5.3 ~ 0.05\nsteps: 61, 62\ntrain/loss: 7.6, 5.3")
    assert "to 7.6 at step 61" in hint.headline


def test_a_hard_batch_is_none(judge):
    assert judge(RULE, "steps: 60\ntrain/loss: 6 -> 5.3 -> 5.3 ~ 0.05\nsteps: 61, 62\ntrain/loss: 6.2, 5.3") == []


def test_a_level_that_rises_by_a_third_and_stays_is_none(judge):
    text = "steps: 60\ntrain/loss: 5.3 ~ 0.05\nsteps: 61, 62, 63, 64, 65, 66, 67\ntrain/loss: 7.2"
    assert judge(RULE, text) == []


@pytest.mark.parametrize(("norm", "level"), [(60, Level.WARNING), (6, Level.INFO)])
def test_several_high_jumps_of_loss_and_norm_are_a_warning(judge, norm, level):
    at = set(range(99, 400, 60))
    jumps = [
        ("train/loss", [13.0 if i in at else 4 + 0.03 * (i % 7) for i in range(400)]),
        ("train/grad_norm", [norm if i in at else 1 + 0.01 * (i % 5) for i in range(400)]),
    ]
    text = "\n".join(f"{name}: {', '.join(map(str, values))}" for name, values in jumps)
    (finding,) = judge(RULE, f"steps: 400\n{text}")
    assert finding.level is level


def test_a_jump_that_stays_is_told_so(judge):
    text = f"steps: 100\ntrain/loss: 3 ~ 0.05\nsteps: {', '.join(map(str, range(101, 151)))}\ntrain/loss: "
    (finding,) = judge(RULE, text + ", ".join(["9", "9.2", "8.9", "9.1", "9"] * 10))
    assert finding.headline.endswith("at step 101 and stays there.")
