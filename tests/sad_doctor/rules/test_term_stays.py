import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.term_stays import RULE

LEARNS = "train/raw/lm: 5.6 -> 4 -> 3.4 ~ 0.05"


def test_a_raw_term_with_a_weight_is_a_warning(judge):
    (finding,) = judge(RULE, f"steps: 90\n{LEARNS}\ntrain/raw/hidden: 1.97 ~ 0.02\ntrain/weight/hidden: 0.5")
    assert finding.level == Level.WARNING
    assert "The term hidden stays where it began" in finding.headline
    assert "the term lm falls" in finding.headline


def test_a_value_that_may_be_weighted_is_a_hint(judge):
    text = "steps: 90\ntrain/weighted/lm: 5.6 -> 4 -> 3.4 ~ 0.05\ntrain/weighted/layerwise: 0.4 ~ 0.004"
    (finding,) = judge(RULE, text)
    assert finding.level == Level.INFO
    assert "may be weighted" in finding.evidence[-1]


def test_a_term_of_next_to_no_weight_is_a_hint_with_another_cause(judge):
    text = (
        f"steps: 90\n{LEARNS}\ntrain/raw/layerwise: 1.97 ~ 0.02\ntrain/weight/layerwise: 1e-4\n"
        "train/weighted/layerwise: 1.97e-4 ~ 2e-6\ntrain/weighted/lm: 5.6 -> 4 -> 3.4 ~ 0.05\ntrain/weight/lm: 1"
    )
    (finding,) = judge(RULE, text)
    assert finding.level == Level.INFO
    assert "weight is so small" in finding.cause


@pytest.mark.parametrize(
    "text",
    [
        # it falls at first, then levels off
        f"steps: 90\n{LEARNS}\ntrain/raw/layerwise: 1.97 -> 1.2 -> 1.1 -> 1.1 ~ 0.02\ntrain/weight/layerwise: 0.5",
        # nothing learns: another flag's
        "steps: 90\ntrain/raw/lm: 5.6 ~ 0.05\ntrain/raw/layerwise: 1.97 ~ 0.02\ntrain/weight/layerwise: 0.5",
        # there and back
        f"steps: 90\n{LEARNS}\ntrain/raw/layerwise: 2 -> 1 -> 2 ~ 0.02\ntrain/weight/layerwise: 0.5",
    ],
)
def test_others_are_left_alone(judge, text):
    assert judge(RULE, text) == []


def test_kd_has_a_rule_of_its_own_and_a_load_balance_rests(judge):
    with pytest.raises(TooFew):
        judge(RULE, f"steps: 90\n{LEARNS}\ntrain/raw/router_aux: 1.01 ~ 0.01\ntrain/weight/router_aux: 0.01")
    with pytest.raises(TooFew):
        judge(RULE, f"steps: 90\n{LEARNS}\ntrain/raw/kd: 2 ~ 0.02\ntrain/weight/kd: 0.5")


def test_a_term_that_the_log_names_by_itself_is_a_hint(judge):
    (finding,) = judge(RULE, "steps: 60\ntrain/loss: 8 -> 5\ntrain/raw/ce: 5 -> 2 ~ 0.05\nloss_feat_kd: 2.9 ~ 0.01")
    assert (finding.level, "feat_kd stays" in finding.headline) == (Level.INFO, True)


STANDS = "steps: 90\ntrain/raw/kd: 4.9 -> 2.6 -> 1.2 -> 0.8 ~ 0.05\ntrain/raw/lm: 1.9 ~ 0.03"


def test_a_label_loss_that_stands_while_kd_falls_is_a_hint(judge):
    (finding,) = judge(RULE, STANDS)
    assert (finding.level, "came trained" in finding.cause) == (Level.INFO, True)
    moves = "\nsteps: 20, 40, 60, 80\neval/lm_loss: 1.91, 1.9, 1.89, 1.88"
    assert judge(RULE, STANDS + moves)[0].level == Level.INFO


def test_one_whose_evaluations_are_one_number_is_not_the_students(judge):
    (finding,) = judge(RULE, STANDS + "\nsteps: 20, 40, 60, 80\neval/lm_loss: 1.8351, 1.8351, 1.8351, 1.8351")
    assert (finding.level, "not that of the student" in finding.headline) == (Level.WARNING, True)
    noisy = STANDS.replace("~ 0.03", "~ 0.2")
    with pytest.raises(TooFew):
        judge(RULE, noisy)
    assert judge(RULE, noisy + "\nsteps: 20, 40, 60, 80\neval/lm_loss: 1.8351, 1.8351, 1.8351, 1.8351")


@pytest.mark.parametrize(
    "text", ["kd: 4.9 -> 4.4 ~ 0.05\ntrain/raw/lm: 1.9 ~ 0.03", "kd: 4 -> 1\ntrain/raw/lm: 4 -> 3"]
)
def test_a_label_loss_beside_a_kd_that_hardly_falls_or_that_falls_too(judge, text):
    with pytest.raises(TooFew):
        judge(RULE, f"steps: 90\ntrain/raw/{text}")
