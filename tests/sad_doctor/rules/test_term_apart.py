import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.term_apart import RULE

LM = "steps: 60\ntrain/raw/lm: 5 -> 4 ~ 0.03\n"
AT = "steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60\neval/lm_loss: 5 -> 4\n"


@pytest.mark.parametrize(("kd", "cause"), [("1.8 -> 0.2", "come to meet"), ("1.8 -> 4", "summed")])
def test_a_term_that_is_another_one_in_training(judge, kd, cause):
    (finding,) = judge(RULE, f"{LM}train/raw/kd: {kd} ~ 0.01\n{AT}eval/raw/kd: 1.8 -> 1")
    assert finding.level == Level.WARNING
    assert cause in finding.cause


def test_a_little_is_a_hint(judge):
    (finding,) = judge(RULE, f"{LM}train/raw/kd: 1.8 -> 0.66 ~ 0.005\n{AT}eval/raw/kd: 1.8 -> 1")
    assert finding.level == Level.INFO


def test_what_is_left_of_the_totals_stands_for_terms_that_the_evaluation_does_not_tell(judge):
    training = "train/weighted/kd: 1.8 -> 0.2 ~ 0.01\ntrain/loss: 6.8 -> 4.2 ~ 0.03\n"
    text = f"{LM.replace('raw', 'weighted')}{training}{AT}eval/loss: 6.8 -> 5"

    (finding,) = judge(RULE, text)

    assert finding.headline.startswith("The rest of the loss")


@pytest.mark.parametrize(
    "text",
    [
        f"{LM}train/raw/kd: 1.8 -> 1 ~ 0.01\n{AT}eval/raw/kd: 1.8 -> 1",
        # at another temperature or weight, throughout
        f"{LM}train/raw/kd: 3.6 -> 2 ~ 0.01\n{AT}eval/raw/kd: 1.8 -> 1",
        # the label losses part as well: it is the text, told by R316
        "steps: 60\ntrain/raw/lm: 5 -> 2 ~ 0.03\n" + f"train/raw/kd: 1.8 -> 0.5 ~ 0.01\n{AT}eval/raw/kd: 1.8 -> 1",
        "steps: 60\ntrain/raw/lm: 5 -> 3 ~ 0.03\n" + f"train/raw/kd: 1.8 -> 0.1 ~ 0.01\n{AT}eval/raw/kd: 1.8 -> 1",
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, text) == []


def test_nothing_to_compare(judge):
    with pytest.raises(TooFew):
        judge(RULE, LM + AT)


def test_what_dropout_leaves_of_a_term_that_is_nearly_nothing_is_a_hint(judge):
    text = "steps: 60\ntrain/raw/kd: 1.8 -> {} ~ 0.01\ntrain/raw/lm: 5 -> 4 ~ 0.05\n"
    text += "steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60\neval/lm_loss: 5 -> 4\neval/raw/kd: 1.8 -> {}"
    (little,), (much,) = judge(RULE, text.format(0.17, 0.08)), judge(RULE, text.format(0.9, 0.4))
    assert (little.level.name, much.level.name) == ("INFO", "WARNING")


@pytest.mark.parametrize(("lm", "fires"), [("5 -> 4", True), ("6.5 -> 5.2", False)])
def test_kd_below_the_evaluations_throughout_is_a_hint(judge, lm, fires):
    """Unless the label losses are two numbers as well: then it is the texts."""
    training = f"steps: 60\ntrain/raw/lm: {lm} ~ 0.03\ntrain/raw/kd: 1.1 -> 0.6 ~ 0.01\n"
    found = judge(RULE, f"{training}{AT}eval/raw/kd: 1.8 -> 1")
    assert [(one.level, "throughout" in one.headline) for one in found] == [(Level.INFO, True)] * fires


def test_kd_that_is_logged_after_its_weight_may_lie_anywhere(judge):
    training = f"{LM}train/raw/kd: 1.1 -> 0.6\ntrain/loss: 6.1 -> 4.6\n".replace(" ~ 0.03", "")
    assert judge(RULE, f"{training}{AT}eval/raw/kd: 1.8 -> 1") == []


def test_evaluations_that_are_told_again_are_no_measurement(judge):
    text = f"{LM}train/raw/kd: 1.8 -> 0.2 ~ 0.01\n{AT}eval/raw/kd: 1.8, 1.5, "
    assert [one.level for one in judge(RULE, text + "1.2346, 1.2345" + ", 1.2344, 1.2345" * 3)] == [Level.WARNING]
    assert judge(RULE, text + "1.2345, 1.2345" + ", 1.2345, 1.2345" * 3) == []


@pytest.mark.parametrize(("weight", "fires"), [("1", True), ("0.2 -> 1", False)])
def test_what_is_left_of_totals_says_nothing_where_weights_move(judge, weight, fires):
    training = f"train/weight/kd: {weight}\ntrain/raw/kd: 1.8 -> 1 ~ 0.01\ntrain/loss: 5.36 -> 5 ~ 0.03\n"
    text = f"{LM}train/weight/lm: 1\n{training}{AT}eval/loss: 6.8 -> 5"
    if fires:
        assert judge(RULE, text)
    else:
        with pytest.raises(TooFew):
            judge(RULE, text)


@pytest.mark.parametrize(
    ("kd", "label", "fires"),
    [
        ("0.4 -> 0.03", "4.2 -> 4", True),
        # dropout: the two begin as one number
        ("1.6 -> 0.03", "5 -> 4", False),
        # the label losses do not meet: other texts
        ("0.4 -> 0.03", "3.5 -> 3.2", False),
    ],
)
def test_an_evaluated_kd_that_is_a_fraction_from_the_first_evaluation_on_is_a_hint(judge, kd, label, fires):
    training = "steps: 60\ntrain/raw/lm: 5 -> 4 ~ 0.03\ntrain/raw/kd: 1.6 -> 0.12 ~ 0.002\n"
    steps = "steps: 6, 12, 18, 24, 30, 36, 42, 48, 54, 60\n"
    found = judge(RULE, f"{training}{steps}eval/lm_loss: {label}\neval/raw/kd: {kd}")
    told = [one for one in found if "from the first evaluation on" in one.headline]
    assert [one.level for one in told] == [Level.INFO] * fires
