import numpy as np
import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.teacher_drifts import RULE


def test_arithmetic_is_no_drift(judge):
    assert judge(RULE, "steps: 3 every 100\nteacher/lm_loss: 3.09, 3.0901, 3.0899") == []


def test_a_teacher_in_the_optimizer_moves_at_once(judge):
    text = "steps: 100\ntrain/teacher_lm_loss: 2.7 -> 4.7 -> 4.7 -> 4.7 -> 4.7 -> 4.7 ~ 0.1"

    (finding,) = judge(RULE, text)
    assert finding.level == Level.WARNING
    assert judge(RULE, "steps: 100\ntrain/teacher_lm_loss: 2.7 -> 2.9 ~ 0.3") == []


@pytest.mark.parametrize(("first", "fires"), [(2.7, True), (4.2, False)])
def test_one_that_a_few_steps_have_changed_differs_in_the_very_first_record(judge, first, fires):
    later = ", ".join(f"{4.7 + 0.1 * (i % 3 - 1):.1f}" for i in range(59))
    found = judge(RULE, f"steps: 60\ntrain/teacher_lm_loss: {first}, {later}")
    told = "The teacher changes: its own loss on the training batches goes from 2.7 to 4.7."
    assert [one.headline for one in found] == ([told] if fires else [])


def test_dropout_shows_beside_the_student(judge):
    text = (
        "steps: 1, 2\nteacher/lm_loss: 2.85, 2.85\nsteps: 100\ntrain/raw/lm: 5 -> 4 ~ 0.05\ntrain/weight/lm: 1\n"
        "train/teacher_lm_loss: {} ~ 0.05\nsteps: 5 every 25\neval/lm_loss: 4.75, 4.5, 4.25, 4, 3.9"
    )

    (finding,) = judge(RULE, text.format(3.07))
    assert "worse in training than when it is evaluated" in finding.headline
    assert judge(RULE, text.format(2.87)) == []


def test_texts_of_which_the_teacher_knows_some_are_no_mode(judge):
    random = np.random.default_rng(0)
    losses = {"mixed": random.choice([1.2, 1.4, 2.4, 3.6, 4.0], 100), "all": random.choice([2.3, 2.5, 2.6, 2.8], 100)}
    text = (
        "steps: 1, 2\nteacher/lm_loss: 0.7, 0.7\nsteps: 100\ntrain/raw/lm: 3.5 -> 1.8 ~ 0.05\ntrain/weight/lm: 1\n"
        "train/teacher_lm_loss: {}\nsteps: 5 every 25\neval/lm_loss: 3.4, 3, 2.5, 2, 1.7"
    )
    told = {name: ", ".join(map(str, value)) for name, value in losses.items()}
    assert judge(RULE, text.format(told["mixed"])) == []
    (finding,) = judge(RULE, text.format(told["all"]))
    assert "worse in training" in finding.headline


def test_one_score_tells_nothing(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 0, 1\ntrain/loss: 1\nsteps: 5\nteacher/lm_loss: nan")


def test_harder_text_is_not_the_teacher(judge):
    text = "steps: 100\ntrain/teacher_lm_loss: 3 -> 3 -> 4 -> 4 ~ 0.05\ntrain/teacher_entropy: {entropy} ~ 0.02"

    assert judge(RULE, text.format(entropy="3.2")) == []
    (finding,) = judge(RULE, text.format(entropy="3.2 -> 3.2 -> 4.2 -> 4.2"))
    assert finding.level == Level.WARNING


def test_without_the_entropy_it_is_a_hint_unless_it_is_far(judge):
    (hint,) = judge(RULE, "steps: 100\ntrain/teacher_lm_loss: 3 -> 3 -> 4 -> 4 ~ 0.05")
    (alarm,) = judge(RULE, "steps: 100\ntrain/teacher_lm_loss: 3 -> 3 -> 6 -> 6 ~ 0.05")

    assert (hint.level, alarm.level) == (Level.INFO, Level.WARNING)


def test_a_break_that_the_labels_have_too_is_of_the_text(judge):
    before, after = ", ".join(["3.0, 3.1, 2.9"] * 20), ", ".join(["8.0, 8.1, 7.9"] * 20)
    teacher = f"steps: 120\ntrain/teacher_lm_loss: {before}, {after}\n"
    label = ", ".join(["4.0, 4.1, 3.9"] * 20) + ", " + ", ".join(["9.0, 9.1, 8.9"] * 20)

    assert judge(RULE, teacher + f"train/raw/lm: {label}") == []
    (finding,) = judge(RULE, teacher + "train/raw/lm: 4 ~ 0.1")
    assert finding.level == Level.WARNING
