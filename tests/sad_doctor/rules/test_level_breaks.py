import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.level_breaks import RULE

LATER = "steps: 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80\n"


def log(**levels):
    """Columns by name with their lines before and after step 60."""
    names = {name.replace("__", "/"): value for name, value in levels.items()}
    first = "".join(f"{name}: {value[0]}\n" for name, value in names.items())
    return f"steps: 60\n{first}{LATER}" + "".join(f"{name}: {value[1]}\n" for name, value in names.items())


KD = ("2 -> 1.5 ~ 0.05", "2.6 -> 2.4 ~ 0.05")
LM = ("5 -> 4 ~ 0.1", "4 -> 3.8 ~ 0.1")


def test_kd_alone_is_the_teachers_side(judge):
    (finding,) = judge(RULE, log(train__raw__kd=KD, train__raw__lm=LM))
    assert finding.level == Level.INFO
    assert finding.first_step == 61
    assert "teacher's side" in finding.cause


def test_a_break_a_few_records_before_the_end(judge):
    value = [(2.0 if at < 52 else 3.0) + 0.02 * (at * 7 % 11 - 5) for at in range(60)]
    (finding,) = judge(RULE, "steps: 60\ntrain/raw/kd: " + ", ".join(f"{one:.3f}" for one in value))
    assert finding.first_step == 53


def test_the_label_loss_and_the_teachers_are_the_text(judge):
    other = ("4 ~ 0.1", "6 ~ 0.1")
    (finding,) = judge(RULE, log(train__raw__lm=other, train__teacher_lm_loss=other))
    assert finding.cause.startswith("The text changes")


def test_the_gradient_norm_alone(judge):
    (finding,) = judge(RULE, log(train__grad_norm=("1 ~ 0.1", "4 ~ 0.1"), train__loss=LM))
    assert "accumulation" in finding.cause


def test_the_total_alone(judge):
    (finding,) = judge(RULE, log(train__loss=("6 ~ 0.1", "9 ~ 0.1"), train__raw__lm=LM, train__raw__kd=LM))
    assert "weight or a term" in finding.cause


def test_only_the_students_numbers(judge):
    up = ("4 -> 3 ~ 0.1", "5 ~ 0.1")
    (finding,) = judge(RULE, log(train__raw__lm=up, train__teacher_lm_loss=("4 ~ 0.1", "4 ~ 0.1")))
    assert finding.cause.startswith("The student's weights")


@pytest.mark.parametrize(
    "text",
    [
        "steps: 80\ntrain/loss: 5 -> 4 ~ 0.1",
        "steps: 80\ntrain/loss: 5 -> 1 -> 1 -> 1 ~ 0.02",
        # a setting changes there, and the log says so
        log(train__raw__kd=KD, train__raw__lm=LM, train__stage=("0", "1")),
        log(train__raw__kd=KD, train__raw__lm=LM) + "event skip @ 61: a bad batch",
        log(train__grad_norm=("1 ~ 0.1", "4 ~ 0.1"), train__lr=("0.001", "0.0001")),
    ],
)
def test_no_break_or_one_that_the_log_explains(judge, text):
    assert judge(RULE, text) == []


def test_a_resume_says_when_and_not_why(judge):
    (finding,) = judge(RULE, log(train__raw__kd=KD, train__raw__lm=LM) + "event resume @ 61: from a checkpoint")
    assert "step 61, where the run is taken up again," in finding.headline
    assert finding.cause.startswith("Another teacher, temperature or weight")


SMALL = "steps: 60\ntrain/raw/kd: 2.2 -> 1.4 ~ 0.01\nsteps: {}\ntrain/raw/kd: {} ~ 0.01"
NEXT = ", ".join(str(i) for i in range(61, 101))


def test_a_small_step_in_a_series_that_falls_fast(judge):
    (finding,) = judge(RULE, SMALL.format(NEXT, "1.27 -> 0.8"))
    assert finding.first_step == 61
    assert judge(RULE, SMALL.format(NEXT, "1.38 -> 0.9")) == []  # a bend is none


def test_the_evaluation_just_before_is_told(judge):
    each = "\nsteps: 20, 40, 60, 80, 100\neval/raw/kd: 2.2 -> 1"
    (finding,) = judge(RULE, SMALL.format(NEXT, "1.27 -> 0.8") + each)
    assert "after the evaluation of step 60," in finding.headline
    assert finding.cause.startswith("What the evaluation leaves behind")


NOISY = "steps: 60\ntrain/grad_norm: 1 ~ 0.02\n{0}: 3 ~ 0.03\nsteps: {1}\ntrain/grad_norm: 1.4 ~ 0.02\n{0}: 3 ~ {2}"


@pytest.mark.parametrize(
    ("series", "noise", "fires"),
    [
        ("train/teacher_lm_loss", 0.3, True),
        ("train/teacher_lm_loss", 0.03, False),
        # a student that begins to learn is noisier by itself
        ("train/raw/lm", 0.3, False),
    ],
)
def test_the_teachers_noise_says_that_the_batches_hold_less(judge, series, noise, fires):
    found = judge(RULE, NOISY.format(series, NEXT, noise), norm=1.6)
    assert bool(found) is fires
    if fires:
        assert found[0].cause.startswith("The batches hold less")
        assert "and the noise of" in found[0].headline


def test_the_length_of_the_texts_is_told(judge):
    text = f"steps: 60\ntrain/length: 28\ntrain/loss: 5 ~ 0.05\nsteps: {NEXT}\ntrain/length: 6\ntrain/loss: 6 ~ 0.05"
    (finding,) = judge(RULE, text)
    assert "the length of the texts from 28 to 6" in finding.headline
    assert finding.cause.startswith("The texts become longer or shorter")


def test_a_spike_is_no_level(judge):
    assert judge(RULE, "steps: 80\ntrain/loss: 5 -> 4 ~ 0.1\nsteps: 81, 82, 83\ntrain/loss: 90, 4, 4") == []


def test_too_few_records(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 20\ntrain/loss: 5 -> 4")


@pytest.mark.parametrize(("norm", "fires"), [(1.6, False), (4, True)])
def test_a_norm_that_breaks_alone_must_break_far(judge, norm, fires):
    later = "steps: " + ", ".join(str(i) for i in range(61, 101))
    text = "steps: 60\ntrain/raw/kd: 2 -> 1.5 ~ 0.05\ntrain/grad_norm: 1 ~ 0.02\n"
    text += f"{later}\ntrain/raw/kd: 1.5 -> 1.3 ~ 0.05\ntrain/grad_norm: {norm} ~ 0.02"
    assert bool(judge(RULE, text)) is fires


def test_a_share_of_a_loss_that_has_fallen_far_is_a_break(judge):
    later = "steps: " + ", ".join(str(i) for i in range(61, 101))
    text = f"steps: 60\ntrain/loss: 9 -> 4 -> 2 -> 1.3 -> 1.2 -> 1.15 ~ 0.03\n{later}\ntrain/loss: 0.28 -> 0.22 ~ 0.01"
    (finding,) = judge(RULE, text)
    assert finding.first_step == 61


@pytest.mark.parametrize(("last", "level"), [("9 ~ 0.1", Level.WARNING), ("5.5 ~ 0.1", Level.INFO)])
def test_a_total_that_leaps_with_a_term_is_a_warning(judge, last, level):
    (finding,) = judge(RULE, log(train__loss=("4 ~ 0.1", last), train__raw__kd=("2 ~ 0.05", "5 ~ 0.05")))
    assert finding.level == level


def test_a_slope_before_it_makes_a_fall_no_break(judge):
    """What falls fast at its beginning falls at once by the luck of one batch."""
    value = [3.88, 3.88, 3.7, 3.8, 3.78, 3.58, 3.6, 3.63, 3.37, 3.32, 3.52, 3.55, 3.21, 3.31, 3.42, 2.98, 3.13, 3.02]
    value += [3.03, 2.94, 2.94, 2.89, 2.89, 2.89, 2.77, 2.69, 2.7, 2.61, 2.64, 2.57, 2.54, 2.51, 2.49, 2.44, 2.57]
    value += [2.36, 2.38, 2.4, 2.4, 2.38] + [2.3, 2.25, 2.28, 2.2, 2.22] * 24
    steps = f"steps: {', '.join(map(str, range(len(value))))}\n"
    assert judge(RULE, f"{steps}train/raw/kd: {', '.join(map(str, value))}") == []


@pytest.mark.parametrize("place", [7, 30])
def test_a_fall_within_the_first_records_is_no_break(judge, place):
    """There is nothing before it to tell a slope by."""
    value = [round(4.5 - 0.005 * i + 0.05 * (i % 2), 3) for i in range(60)]
    value = [v + 2 if i < place else v for i, v in enumerate(value)]
    found = judge(RULE, f"steps: 60\ntrain/raw/kd: {', '.join(map(str, value))}")
    assert len(found) == (place == 30)


@pytest.mark.parametrize(("passes", "by_heart"), [(20, True), (33, False)])
def test_a_fall_where_the_texts_come_round_again(judge, passes, by_heart):
    steps = range(120)
    loss = [(3.1, 2.3, 2.2, 2.1, 2.05, 2.0)[step // 20] + 0.01 * (step % 3) for step in steps]
    text = f"steps: {', '.join(map(str, steps))}\ntrain/loss: {', '.join(f'{one:.3f}' for one in loss)}\n"
    (finding,) = judge(RULE, text + f"train/epoch: {', '.join(f'{step / passes:.3f}' for step in steps)}")
    assert ("learned by heart" in finding.cause) == by_heart
