import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.learns_little import RULE

PLAN = "fact total_steps: 1000\nfact vocabulary_size: 256\n"
EVALUATED = "steps: 0, 200, 400, 600, 800, 1000\neval/lm_loss: "
GUESSES = f"{EVALUATED}5.71, 5.53, 5.54, 5.54, 5.54, 5.54"


def test_a_student_that_still_guesses_is_a_warning(judge):
    (finding,) = judge(RULE, PLAN + GUESSES)
    assert finding.level == Level.WARNING
    assert "guessing every token alike gives 5.545" in finding.headline


def test_the_teacher_tells_how_far_the_way_is(judge):
    text = f"fact total_steps: 1000\n{EVALUATED}5.7, 5.5, 5.51, 5.5, 5.5, 5.5\nsteps: 1\nteacher/lm_loss: 3.1"
    (finding,) = judge(RULE, text)
    assert finding.level == Level.WARNING
    assert "its teacher's is 3.1" in finding.headline


def test_without_either_it_is_a_hint(judge):
    (finding,) = judge(RULE, f"fact total_steps: 1000\n{GUESSES}")
    assert finding.level == Level.INFO
    assert "came trained" in finding.cause


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ("train/grad_norm: 1 -> 40 ~ 0.1", "never cleared"),
        ("train/update_ratio: 0.05 ~ 0.001", "undo each other"),
        ("train/update_ratio: 1e-6", "too small"),
        ("train/lr: 0 -> 1e-5", "still rises at the end"),
    ],
)
def test_what_else_is_logged_tells_the_cause(judge, told, cause):
    (finding,) = judge(RULE, f"{PLAN}{GUESSES}\nsteps: 100 every 10\n{told}")
    assert cause in finding.cause


@pytest.mark.parametrize(
    "text",
    [
        f"{PLAN}{EVALUATED}5.71, 4.9, 4.4, 4.2, 4.1, 4.05",
        # it learns from its teacher, though its labels are wrong
        f"{PLAN}{GUESSES}\nsteps: 100 every 10\ntrain/raw/kd: 2 -> 0.5 ~ 0.01\ntrain/weight/kd: 1",
        # as good as its teacher from the beginning on
        f"fact total_steps: 1000\n{EVALUATED}3.2, 3.19, 3.18, 3.18, 3.18, 3.18\nsteps: 1\nteacher/lm_loss: 3.1",
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, text) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"fact total_steps: 9000\nfact vocabulary_size: 256\n{GUESSES}", "11.1% of the planned steps"),
        ("steps: 0, 10, 20\neval/lm_loss: 5.7, 5.7, 5.7\nsteps: 20\ntrain/loss: 5.7", "too few"),
    ],
)
def test_too_little_is_not_judged(judge, text, why):
    with pytest.raises(TooFew, match=why):
        judge(RULE, text)


def test_evaluations_that_all_say_one_number_are_sure(judge):
    text = "steps: 60\ntrain/loss: 6.25 ~ 0.02\nsteps: 10, 20, 30, 40, 50, 60\neval/loss: {}"
    (finding,) = judge(RULE, text.format(", ".join(["6.249"] * 6)))
    assert finding.level.name == "WARNING"
    assert "all 6 evaluations are 6.249" in finding.headline
    (hint,) = judge(RULE, text.format("6.25, 6.251, 6.249, 6.248, 6.249, 6.25"))
    assert hint.level.name == "INFO"


def test_a_student_that_knows_nothing_has_all_to_gain(judge):
    text = "steps: 60\ntrain/loss: {0} ~ 0.02\nmean_token_accuracy: {1} ~ 0.001\n"
    text += "steps: 10, 20, 30, 40\neval/loss: {0} ~ 0.002"
    (finding,) = judge(RULE, text.format(6.25, 0.012))
    assert finding.level.name == "WARNING"
    for loss, right in ((6.25, 0.4), (2.1, 0.012)):
        (hint,) = judge(RULE, text.format(loss, right))
        assert hint.level.name == "INFO"


def test_an_evaluation_that_began_after_the_fall_has_little_left_of_it(judge):
    evaluated = "steps: 6, 20, 30, 40, 50, 60\neval/loss: 5.45, 5.3, 5.25, 5.25, 5.25, 5.25"
    text = (
        "steps: 60\ntrain/loss: {} -> 5.25 -> 5.25 -> 5.25 -> 5.25 -> 5.25 ~ 0.02\nmean_token_accuracy: 0.03\n"
        + evaluated
    )

    assert judge(RULE, text.format(6.3)) == []
    assert judge(RULE, text.format(5.45))


@pytest.mark.parametrize(
    ("beside", "judged"), [("reward: 0 -> 1", False), ("rewards/margins: 0 -> 1", True), ("train/lr: 0.001", True)]
)
def test_the_loss_of_a_policy_need_not_fall(judge, beside, judged):
    text = f"steps: 100\ntrain/loss: 0.7 ~ 0.01\n{beside}"
    if judged:
        assert len(judge(RULE, text)) == 1
    else:
        with pytest.raises(TooFew, match="rewards"):
            judge(RULE, text)


@pytest.mark.parametrize(
    ("loss", "rate", "told"),
    [
        ("11.0904 ~ 0.0006", "0 -> 0.001 -> 0.001", 1),
        ("11.0904 ~ 0.0006", "0 -> 0.001", 0),
        ("11 -> 10.9 ~ 0.001", "0.1", 0),
    ],
    ids=["stands", "still warms up", "falls a little"],
)
def test_a_loss_that_stands_in_very_many_records_needs_no_half_of_the_plan(judge, loss, rate, told):
    text = f"steps: 300\ntrain/loss: {loss}\ntrain/lr: {rate}\nfact total_steps: 30000"
    if told:
        assert len(judge(RULE, text)) == 1
    else:
        with pytest.raises(TooFew):
            judge(RULE, text)


@pytest.mark.parametrize(
    ("label", "kd", "told"),
    [
        ("3.5 -> 3.36", "5.6 -> 5.4", 1),  # a straight line that leads nowhere
        ("3.5 -> 3.36", "5.6 -> 3", 0),
        ("3.5 -> 3.1 -> 3.1 -> 3.1", "4.4 -> 3.9 -> 3.9", 1),  # a plateau at once
        ("3.5 -> 3", "4.4 -> 3.9", 0),
    ],
)
def test_kd_that_stands_is_a_second_witness(judge, label, kd, told):
    text = f"steps: 60\ntrain/raw/kd: {kd} ~ 0.02\ntrain/raw/lm: {label} ~ 0.02"
    assert len(judge(RULE, text)) == told


def test_a_measure_that_is_one_number_each_time_says_that_it_stands(judge):
    loss = ", ".join(f"{2242.55 + i * 7 % 5 / 100:.2f}" for i in range(40))
    run = f"steps: 40\ntrain/loss: {loss}\neval/accuracy: "
    [found] = judge(RULE, run + "0.3251344")
    assert (found.level, "0.3251" in found.headline) == (Level.WARNING, True)
    # every text of one class, or of none, is right for a student that learns too
    for other in ("1", "0", ", ".join(f"{0.32 + i % 3 / 1000}" for i in range(40))):
        assert all(one.level == Level.INFO for one in judge(RULE, run + other))
