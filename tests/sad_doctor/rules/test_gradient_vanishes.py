from sad_doctor.finding import Level
from sad_doctor.rules.gradient_vanishes import RULE


def test_a_loss_that_falls_all_the_same_makes_it_a_hint(judge):
    text = "steps: 100\ntrain/grad_norm: 1e-9\ntrain/loss: "

    (error,) = judge(RULE, text + "9 ~ 0.1")
    (hint,) = judge(RULE, text + "9 -> 3 ~ 0.1")
    assert (error.level, hint.level) == (Level.ERROR, Level.INFO)
    assert "yet the loss falls" in hint.headline


def test_a_norm_that_falls_with_the_loss_is_left_alone(judge):
    gone = "steps: 100\ntrain/grad_norm: 2 -> 1e-5 -> 1e-5 -> 1e-5\ntrain/loss: "

    assert judge(RULE, gone + "9 -> 0.01 -> 0.01 -> 0.01") == []
    (finding,) = judge(RULE, gone + "9 -> 8.9 -> 8.9 -> 8.9")
    assert "vanishes" in finding.headline


def test_what_the_loss_did_before_the_onset_excuses_nothing(judge):
    norm = "steps: 100\ntrain/grad_norm: 2 -> 2\nsteps: {late}\ntrain/grad_norm: {zeros}\n"
    late = ", ".join(str(100 + i) for i in range(1, 101))
    norm = norm.format(late=late, zeros=", ".join(["0"] * 100))

    (error,) = judge(RULE, norm + "steps: 200\ntrain/loss: 4 -> 2 -> 2 -> 2 -> 2 ~ 0.02")
    (hint,) = judge(RULE, norm + "steps: 200\ntrain/loss: 4 -> 2 ~ 0.02")
    assert (error.level, error.first_step) == (Level.ERROR, 101)
    assert hint.level == Level.INFO
