import numpy as np
import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.columns_copied import RULE

LM = 4 + np.random.default_rng(0).normal(0, 0.3, 40)


def text(**columns):
    lines = [f"{name.replace('__', '/')}: " + ", ".join(f"{v:.4f}" for v in value) for name, value in columns.items()]
    return "steps: 40\n" + "\n".join(lines)


@pytest.mark.parametrize("change", [lambda v: v, lambda v: 2.5 * v, lambda v: v - 1.25])
def test_kd_that_is_the_label_loss(judge, change):
    (finding,) = judge(RULE, text(train__raw__kd=change(LM), train__raw__lm=LM))
    assert finding.level == Level.WARNING
    assert "two names of one number" in finding.headline


def test_a_teacher_that_is_the_student(judge):
    (finding,) = judge(RULE, text(train__raw__lm=LM, train__teacher_lm_loss=LM))
    assert "teacher" in finding.cause


def test_two_distances_of_the_same_states_are_a_hint(judge):
    (finding,) = judge(RULE, text(train__raw__mse=2 * LM, train__raw__cosine=LM))
    assert finding.level == Level.INFO


def test_weighted_and_raw_of_one_term_are_one(judge):
    assert judge(RULE, text(train__raw__kd=LM, train__weighted__kd=2 * LM)) == []


def test_numbers_that_only_move_together_are_left_alone(judge):
    near = LM + np.random.default_rng(1).normal(0, 0.03, 40)
    assert judge(RULE, text(train__raw__kd=near, train__raw__lm=LM)) == []
    flat = np.linspace(4, 3.9, 40)
    assert judge(RULE, text(train__raw__kd=flat, train__raw__lm=flat)) == []


def test_an_evaluation_that_is_the_trainings_number(judge):
    told = f"steps: 4, 8, 12, 16\neval/loss: {LM[3]:.4f}, {LM[7]:.4f}, {LM[11]:.4f}, {LM[15]:.4f}"
    (finding,) = judge(RULE, f"{text(train__loss=LM)}\n{told}")
    assert "4 of 4 evaluations" in finding.headline
    assert judge(RULE, f"{text(train__loss=LM)}\nsteps: 4, 8, 12\neval/loss: 4.1234, 4.0321, 3.9871") == []


def test_a_perplexity_that_is_exp_of_the_training_batch(judge):
    steps = (4, 8, 12, 16)
    shown = ", ".join(f"{np.exp(LM[step - 1]):.2f}" for step in steps)
    log = f"{text(train__loss=LM)}\nsteps: 4, 8, 12, 16\neval/perplexity: {shown}\n"
    (finding,) = judge(RULE, f"{log}eval/loss: 4.1, 4.05, 4.03, 4.01")
    assert "is exp of the training loss" in finding.headline
    # beside no evaluation it is the training's own
    with pytest.raises(TooFew):
        judge(RULE, log)


def test_an_evaluation_that_is_the_training_s_of_the_record_before(judge):
    losses = [5.1234, 4.2345, 3.5456, 3.1567, 2.9678, 2.8123, 2.7234, 2.6345]
    text = "steps: 8\ntrain/loss: {}\neval/loss: {}"
    (finding,) = judge(RULE, text.format(str(losses)[1:-1], str([6.0, *losses[:-1]])[1:-1]))
    assert "of the record before" in finding.headline
    assert judge(RULE, text.format(str(losses)[1:-1], str([one + 0.01 for one in losses])[1:-1])) == []


@pytest.mark.parametrize(("kd", "lm", "swapped"), [("5.6 -> 4.2", "1.8 -> 1", True), ("1.8 -> 1", "5.6 -> 4.2", False)])
def test_names_that_are_each_other_s(judge, kd, lm, swapped):
    text = f"steps: 100\ntrain/raw/kd: {kd} ~ 0.05\ntrain/raw/lm: {lm} ~ 0.05\nsteps: 8 every 12\neval/lm_loss: "
    found = judge(RULE, text + "5.5 -> 4.3")
    assert [(one.level, "each other's" in one.headline) for one in found] == [(Level.INFO, True)] * swapped
    assert judge(RULE, text + "5.5 -> 5.4") == []  # hardly falls: two levels may be near by chance
