import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.evaluation_does_not_follow import RULE

TRAIN = "steps: 100 every 10\ntrain/raw/lm: 5 -> 3 ~ 0.1\ntrain/raw/kd: 2 -> 0.5\n"


def test_a_projector_that_learns_moves_other_evaluations(judge):
    text = TRAIN + "steps: 5 every 200\neval/lm_loss: 5.02917\neval/raw/layerwise: 1.9 -> 1.7"

    (finding,) = judge(RULE, text)
    assert "5.02917 in all 5 evaluations" in finding.headline


def test_four_digits_need_more_evaluations(judge):
    assert len(judge(RULE, TRAIN + "steps: 8 every 100\neval/perplexity: 152.8")) == 1
    with pytest.raises(TooFew):
        judge(RULE, TRAIN + "steps: 4 every 200\neval/perplexity: 152.8")


@pytest.mark.parametrize(
    ("value", "passes", "level"), [("1.53", 3, Level.INFO), ("1.53", 0.9, Level.ERROR), ("1.53127", 3, Level.ERROR)]
)
def test_few_digits_hide_what_an_evaluation_moves_by_beside_a_training_learned_by_heart(judge, value, passes, level):
    text = f"steps: 100 every 10\ntrain/epoch: 0.01 -> {passes}\ntrain/loss: 1.62 -> "
    told = f" ~ 0.02\nsteps: 8 every 120\neval/loss: {value}"
    (finding,), (far,) = (judge(RULE, text + end + told) for end in ("1.45", "0.9"))
    assert (finding.level, far.level) == (level, Level.ERROR)


def test_a_training_that_stays_too_is_frozen(judge):
    text = "steps: 100 every 10\ntrain/raw/lm: 5 ~ 0.1\nsteps: 5 every 200\neval/lm_loss: 5.02917"

    assert judge(RULE, text) == []


def test_a_total_may_fall_by_a_projector(judge):
    text = "steps: 100 every 10\ntrain/loss: 9 -> 3\ntrain/raw/layerwise: 6 -> 1\n"
    text += "steps: 5 every 200\neval/lm_loss: 5.02917"

    with pytest.raises(TooFew):
        judge(RULE, text)


def test_an_average_that_is_too_slow_hardly_follows(judge):
    text = "steps: 60 every 10\ntrain/raw/lm: 5.7 -> 4.5 ~ 0.05\nsteps: 7 every 80\neval/lm_loss: "
    (finding,) = judge(RULE, text + "5.681 -> 5.64313")
    assert finding.level == Level.WARNING
    assert "hardly follows" in finding.headline
    assert judge(RULE, text + "5.681 -> 4.90013") == []
    assert judge(RULE, text + "5.681 -> 5.6 -> 5.68013") == []


def test_a_student_that_nears_its_best_on_other_texts_hardly_follows_too(judge):
    text = "steps: 60 every 10\ntrain/loss: 1.38 -> 1.0 ~ 0.02\nsteps: 7 every 80\neval/loss: "
    told = (text + "1.318, 1.31, 1.305, 1.303, 1.302, 1.301, 1.3005", text + "1.318 -> 1.3 ~ 0")
    (hint,), (alarm,) = (judge(RULE, one) for one in told)
    assert (hint.level, alarm.level) == (Level.INFO, Level.WARNING)
    assert "learned by heart" in hint.cause


def test_a_total_that_falls_below_nothing_has_no_share_to_follow_by(judge):
    text = "steps: 60\ntrain/loss: 0.05 -> -0.3 -> -1.2 -> -1.7 ~ 0.01\nsteps: 9 every 6\neval/loss: 0.9 -> 0.4"
    with pytest.raises(TooFew):
        judge(RULE, text)


def test_a_training_that_falls_at_once_is_followed_no_more_than_one_that_falls_later(judge):
    values = [6.6] * 5 + [5.5 + 0.2 * (i % 3) for i in range(45)]
    text = f"steps: 50\ntrain/raw/lm: {', '.join(map(str, values))}\nsteps: 11 every 5\neval/lm_loss: "
    (finding,) = judge(RULE, text + "6.67 -> 6.65213")
    assert "hardly follows" in finding.headline
    assert judge(RULE, text + "6.67 -> 5.90213") == []


def test_a_weight_that_falls_in_both_is_no_lag(judge):
    text = "steps: 60 every 10\ntrain/weighted/lm: 5.7 -> 1.2 ~ 0.05\ntrain/loss: 8 -> 1.6 ~ 0.05\n"
    told = "steps: 10 every 60\neval/lm_loss: 5.681 -> 5.54313\neval/loss: "

    assert len(judge(RULE, text + told + "8 -> 7.8")) == 1
    assert judge(RULE, text + told + "8 -> 1.6") == []


NEVER = (
    "steps: 100 every 10\ntrain/raw/lm: 5.4 -> 3 ~ 0.1\ntrain/epoch: 0.01 -> {}\nsteps: 9 every 120\neval/lm_loss: {}"
)
ROSE = "5.41, 5.19, 5.27, 5.36, 5.51, 5.63, 5.71, 5.79, 5.84"


@pytest.mark.parametrize(
    ("passes", "values", "fires"),
    [
        (0.5, ROSE, True),
        (4, ROSE, False),  # what was seen several times may be known by heart
        (0.5, "5.41, 4.8, 4.5, 4.2, 4.6, 4.9, 5.1, 5.3, 5.5", False),  # it did follow
        (0.5, "7.41, 7.2, 7.3, 7.3, 7.4, 7.4, 7.4, 7.5, 7.5", False),  # of other texts from the start on
    ],
)
def test_an_evaluation_that_never_came_down(judge, passes, values, fires):
    found = judge(RULE, NEVER.format(passes, values))
    assert [one.level for one in found] == ([Level.WARNING] if fires else [])
    assert all("and never did" in one.headline for one in found)


def test_an_evaluation_that_stands_while_the_training_falls(judge):
    values = "5.01234, 4.61234, 4.2, 3.98127, 3.98127, 3.98127, 3.98127, 3.98127"
    (finding,) = judge(RULE, TRAIN + f"steps: 8 every 120\neval/lm_loss: {values}")
    assert finding.level == Level.WARNING
    assert "in 5 evaluations" in finding.headline
    assert finding.first_step == 480


def test_one_that_stands_with_its_training_is_not_told_here(judge):
    flat = "steps: 100 every 10\ntrain/raw/lm: 5 -> 4 -> 4 -> 4 -> 4 ~ 0.02\n"
    values = "5.01234, 4.41234, 4.1, 3.98127, 3.98127, 3.98127, 3.98127, 3.98127"
    assert judge(RULE, flat + f"steps: 8 every 120\neval/lm_loss: {values}") == []


@pytest.mark.parametrize(
    ("passes", "values", "fires"), [(0.5, ROSE, True), (0.5, "5.4 -> 3.5", False), (4, ROSE, False)]
)
def test_two_totals_of_which_one_never_came_down(judge, passes, values, fires):
    text = f"steps: 100 every 10\ntrain/loss: 5.4 -> 3 ~ 0.1\ntrain/epoch: 0.01 -> {passes}\n"
    text += f"steps: 9 every 120\neval/loss: {values}"
    if fires:
        (finding,) = judge(RULE, text)
        assert finding.level == Level.WARNING
    else:
        with pytest.raises(TooFew):
            judge(RULE, text)


@pytest.mark.parametrize(("first", "fires"), [(6, True), (9, False)])
def test_less_proves_an_average_that_is_too_slow_where_both_began_alike(judge, first, fires):
    text = f"""steps: 80
train/raw/lm: 6 -> 5.1 -> 4.9 ~ 0.15
train/weight/lm: 1
train/epoch: 0 -> 0.6
steps: 0, 10, 20, 30, 40, 50, 60, 70, 80
eval/lm_loss: {", ".join(str(first - 0.002 * k) for k in range(9))}"""
    assert bool(judge(RULE, text, far=0.5)) == fires


@pytest.mark.parametrize("told", ["eval/perplexity: 30 -> 2300", "eval/lm_loss: 3.4 -> 7.74"])
def test_parts_that_sum_to_the_total_may_be_weighted_and_a_perplexity_is_a_loss(judge, told):
    """A label loss after an untold weight has a level of its own, and the log of a perplexity is the label loss."""
    steps = ", ".join(str(4 * n) for n in range(60))
    lm = [1.6 - 0.9 * n / 60 + 0.01 * (n % 3) for n in range(60)]
    kd = [1 - 0.5 * n / 60 for n in range(60)]
    columns = {"train/raw/lm": lm, "train/raw/kd": kd, "train/loss": [a + b for a, b in zip(lm, kd, strict=True)]}
    text = f"steps: {steps}\ntrain/epoch: 0 -> 0.5\n"
    text += "".join(f"{name}: {', '.join(f'{v:.6f}' for v in values)}\n" for name, values in columns.items())
    (finding,) = judge(RULE, f"{text}steps: 9 every 26\n{told}")
    assert "never did" in finding.headline
    assert "LM loss goes from 3.4" in finding.headline


@pytest.mark.parametrize("told", ["train/loss: 5 -> 3 ~ 0.05", "train/loss: 4 -> 2 ~ 0.05\ntrain/raw/lm: 5 -> 3 ~ 0.1"])
@pytest.mark.parametrize(
    ("values", "level"),
    [
        ("4.02917", Level.ERROR),
        ("4.03", Level.ERROR),
        ("4.029, 4.028, 4.027, 4.026, 4.025, 4.024, 4.023, 4.022", Level.WARNING),
    ],
)
def test_a_total_that_stands_stands_for_the_student(judge, told, values, level):
    text = f"steps: 100 every 10\n{told}\nsteps: 8 every 120\neval/loss: "
    (finding,) = judge(RULE, text + values)
    assert finding.level is level
    with pytest.raises(TooFew):
        judge(RULE, text + "4.029, 3.8, 3.6, 3.4, 3.2, 3.1, 3, 2.9")
