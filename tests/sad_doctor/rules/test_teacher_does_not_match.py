import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.teacher_does_not_match import RULE

HELD = "steps: 1, 2\nteacher/lm_loss: 3, 3\nsteps: 100\n"


def test_harder_text_is_harder_for_the_student_too(judge):
    text = HELD + "train/teacher_lm_loss: 4.6 ~ 0.1\n"
    hard = "train/raw/lm: 6 -> 5.6 ~ 0.05\ntrain/weight/lm: 1\nsteps: 4 every 25\neval/lm_loss: 4.4 -> 4"

    assert len(judge(RULE, text)) == 1
    assert judge(RULE, text + hard) == []


def test_guessing_needs_only_the_vocabulary(judge):
    text = "fact vocabulary_size: 192\nsteps: 100\ntrain/teacher_lm_loss: 7 ~ 0.1"

    (finding,) = judge(RULE, text)
    assert "guessing gives 5.2575" in finding.headline
    with pytest.raises(TooFew):
        judge(RULE, "steps: 100\ntrain/teacher_lm_loss: 7 ~ 0.1")


def test_a_teacher_that_changes_is_another_story(judge):
    assert judge(RULE, HELD + "train/teacher_lm_loss: 3 -> 7 -> 7 -> 7 -> 7") == []


def test_a_guess_is_among_the_tokens_that_both_have(judge):
    sizes = "fact vocabulary_size: 600\nfact teacher_vocabulary_size: 416\nsteps: 100\n"
    (finding,) = judge(RULE, f"{sizes}train/teacher_lm_loss: 6.1 ~ 0.1")
    assert "guessing gives 6.0307" in finding.headline


def test_one_that_is_sure_and_wrong_on_all_text_is_asked_about_other_labels(judge):
    text = "fact vocabulary_size: 192\nsteps: 1, 2\nteacher/lm_loss: 6.5, 6.5\nsteps: 100\n"
    text += "train/teacher_lm_loss: 6.5 ~ 0.1\n"

    assert judge(RULE, text) == []
    assert judge(RULE, text + "train/teacher_entropy: 4.5 ~ 0.1") == []
    (finding,) = judge(RULE, text + "train/teacher_entropy: 1.5 ~ 0.1")
    assert "6.5 on held-out text; guessing gives 5.2575" in finding.headline


@pytest.mark.parametrize(
    ("student", "teacher", "fires"),
    [
        ("5.6 -> 2.3", "6.5", True),
        ("5.6 -> 2.3", "4.5", False),  # of another domain, and better than chance
        ("9 -> 6", "7", False),  # the student is no better yet
        ("5.6 -> 0.1", "6.5", False),  # the answer may be in the input: R311
    ],
)
def test_a_teacher_that_no_text_has_beside_a_student_that_learned(judge, student, teacher, fires):
    text = f"steps: 100\ntrain/teacher_lm_loss: {teacher} ~ 0.05\ntrain/raw/ce: {student} ~ 0.05\ntrain/raw/kd: 2 -> 1"
    if not fires:
        with pytest.raises(TooFew):
            judge(RULE, text)
        return
    (finding,) = judge(RULE, text)
    assert finding.level is Level.WARNING
    assert "does not know the text" in finding.headline
