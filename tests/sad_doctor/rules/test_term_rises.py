import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.term_rises import RULE

FALLS = "steps: 60\ntrain/loss: 6 -> 5 ~ 0.05\ntrain/raw/lm: 5 -> 3.5 ~ 0.1\n"


@pytest.mark.parametrize("term", ["kd", "layerwise", "cosine"])
def test_a_term_that_rises_while_the_loss_falls(judge, term):
    (finding,) = judge(RULE, f"{FALLS}train/raw/{term}: 1.5 -> 2.5 ~ 0.05")
    assert finding.level == Level.INFO
    assert f"The term {term} rises from" in finding.headline


def test_a_weighted_term_counts_where_its_weight_is_constant(judge):
    text = f"{FALLS}train/weighted/kd: 0.75 -> 1.25 ~ 0.02\ntrain/weight/kd: "
    assert len(judge(RULE, text + "0.5")) == 1
    with pytest.raises(TooFew):
        judge(RULE, text + "0.5 -> 0.9")


@pytest.mark.parametrize(
    "text",
    [
        FALLS + "train/raw/kd: 2.5 -> 1.5 ~ 0.05",
        # may rise: it holds something back
        FALLS + "train/raw/kl_reg: 1.5 -> 2.5 ~ 0.05\ntrain/raw/kd: 1.5 -> 1 ~ 0.05",
        # nothing falls: another rule tells
        "steps: 60\ntrain/loss: 5 -> 6 ~ 0.05\ntrain/raw/lm: 4 ~ 0.1\ntrain/raw/kd: 1.5 -> 2.5 ~ 0.05",
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, text) == []


def test_too_few_records(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 10\ntrain/raw/kd: 1.5 -> 2.5")


@pytest.mark.parametrize(
    ("term", "told"), [("1.0 -> 7.9", 1), ("1.0 -> 1.7", 0)], ids=["the experts collapse", "it leaves its floor"]
)
def test_a_load_balance_must_rise_far(judge, term, told):
    text = f"steps: 60\ntrain/raw/lm: 9 -> 3 ~ 0.05\ntrain/raw/load_balance: {term} ~ 0.01"
    assert len(judge(RULE, text)) == told


def test_a_term_that_the_log_names_by_itself(judge):
    (finding,) = judge(RULE, "steps: 60\ntrain/loss: 9 -> 3 ~ 0.05\nloss_dis: 3 -> 9 ~ 0.1")
    assert finding.headline.startswith("Dis rises from")


@pytest.mark.parametrize(("last", "level"), [(60, Level.WARNING), (12, Level.INFO)])
def test_what_no_student_makes_so_large_runs_away(judge, last, level):
    (finding,) = judge(RULE, f"{FALLS}train/raw/kd: 2 -> {last} ~ 0.05")
    assert finding.level == level
    assert ("runs away" in finding.headline) == (level == Level.WARNING)
