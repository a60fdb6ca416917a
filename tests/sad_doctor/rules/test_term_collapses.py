import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.term_collapses import RULE

FALLS = "1.5 -> 0.3 -> 0.01 -> 0.01 -> 0.01"


@pytest.mark.parametrize("column", ["train/raw/kd", "train/raw/layerwise", "train/weighted/kd"])
def test_a_term_that_falls_to_nothing_beside_a_label_loss_that_does_not(judge, column):
    (finding,) = judge(RULE, f"steps: 100\n{column}: {FALLS}\n{column.rsplit('/', 1)[0]}/lm: 5.6 -> 4.8 ~ 0.1")
    assert "next to nothing" in finding.headline


def test_the_evaluation_tells_the_label_loss_too(judge):
    text = f"steps: 100\ntrain/raw/kd: {FALLS}\nsteps: 10 every 10\neval/lm_loss: "
    assert len(judge(RULE, text + "5.6 -> 5 -> 4.9 -> 4.8 -> 4.8")) == 1
    assert judge(RULE, text + "5.6 -> 3 -> 2 -> 1.8 -> 1.7") == []


def test_an_evaluation_that_begins_later_is_held_against_the_term_from_there_on(judge):
    label = "\nsteps: 5 every 20\neval/lm_loss: 3.1, 2.9, 2.8, 2.8, 2.8"
    # most of the fall of both was over when the evaluation began
    assert judge(RULE, f"steps: 100\ntrain/raw/kd: 4 -> 0.2 -> 0.15 -> 0.1 -> 0.1{label}") == []
    (finding,) = judge(RULE, f"steps: 100\ntrain/raw/kd: 4 -> 2 -> 0.02 -> 0.01 -> 0.01{label}")
    assert finding.numbers["first"] < 3


@pytest.mark.parametrize(
    "text",
    [
        "train/raw/kd: 1.5 -> 0.5 -> 0.2 -> 0.1\ntrain/raw/lm: 5.6 -> 4.8 ~ 0.1",
        f"train/raw/kd: {FALLS}\ntrain/raw/lm: 5.6 -> 2 -> 1.5 ~ 0.1",
        # exactly 0 is a term that vanishes
        "train/raw/kd: 0\ntrain/raw/lm: 5.6 -> 4.8 ~ 0.1",
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, f"steps: 100\n{text}") == []


def test_without_a_label_loss_nothing_is_said(judge):
    with pytest.raises(TooFew):
        judge(RULE, f"steps: 100\ntrain/raw/kd: {FALLS}")


def test_a_label_loss_of_zero_tells_nothing(judge):
    with pytest.raises(TooFew, match="begins at 0"):
        judge(RULE, f"steps: 100\ntrain/raw/kd: {FALLS}\nsteps: 5 every 20\neval/lm_loss: 0, 0, 0, 0, 0")


def test_a_term_that_the_log_names_by_itself(judge):
    (finding,) = judge(
        RULE, "steps: 60\ntrain/loss: 6 -> 5\ntrain/raw/lm: 5 -> 4.8 ~ 0.05\nfit_loss: 1 -> 0.01 -> 0.01"
    )
    assert "The term fit falls" in finding.headline


def test_a_term_that_sinks_before_the_first_evaluation_is_held_against_the_trainings_labels(judge):
    text = "steps: 100\ntrain/raw/{}: 0.5 -> 0.04 -> 0.02 -> 0.01 -> 0.01\ntrain/raw/ce: 4.3 -> 3.3 -> 3 ~ 0.05"
    text += "\nsteps: 5 every 20\neval/lm_loss: 3.6, 3.3, 3.2, 3.1, 3.1"
    (finding,) = judge(RULE, text.format("layerwise"))
    assert finding.numbers["first"] > 0.4
    # of KD that is what every student does that comes near its teacher
    assert judge(RULE, text.format("kd")) == []
