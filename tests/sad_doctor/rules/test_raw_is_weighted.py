import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.raw_is_weighted import RULE

POST_MORTEM = """
steps: 21700, 21701
train/loss: 177.1419, 177.1419
train/raw/kd: 10.8479, 10.8479
train/raw/routing: 0.2710, 0.2710
train/raw/load_balance: 0, 0
train/raw/attention_alignment: 2.7772, 2.7772
train/raw/attention: 0.0507, 0.0507
train/raw/layerwise: 160.5575, 160.5575
train/raw/contrastive: 0.0200, 0.0200
train/raw/lm: 2.6176, 2.6176
"""


def test_true_raw_value_of_the_post_mortem(judge):
    (finding,) = judge(RULE, POST_MORTEM + "train/weight/layerwise: 0.05, 0.05")

    assert finding.level == Level.WARNING
    assert finding.numbers["raw_layerwise"] == pytest.approx(3211.15)
    assert any("3,211.15" in line for line in finding.evidence)


def test_without_weights_it_is_a_hint(judge):
    (finding,) = judge(RULE, POST_MORTEM)

    assert finding.level == Level.INFO
    assert "or every weight is 1" in finding.headline


def test_known_weights_of_one_are_fine(judge):
    text = "steps: 5\ntrain/loss: 9\ntrain/raw/kd: 5\ntrain/raw/lm: 4\ntrain/weight/kd: 1\ntrain/weight/lm: 1"

    assert judge(RULE, text) == []


def test_the_same_values_under_both_names_are_fine(judge):
    text = "steps: 5\ntrain/loss: 9\ntrain/raw/kd: 5\ntrain/raw/lm: 4\ntrain/weighted/kd: 5\ntrain/weighted/lm: 4"

    assert judge(RULE, text) == []


def test_the_step_with_the_largest_error_is_shown(judge):
    text = "steps: 1, 2, 3\ntrain/loss: 20, 165, 20\ntrain/raw/layerwise: 15, 160, 15\ntrain/raw/kd: 5, 5, 5\n"

    (finding,) = judge(RULE, text + "train/weight/layerwise: 0.05, 0.05, 0.05")
    assert "at step 2" in finding.headline


def test_one_term_alone_is_the_total(judge):
    assert judge(RULE, "steps: 5\ntrain/loss: 9\ntrain/raw/kd: 9\ntrain/weight/kd: 0.5") == []


@pytest.mark.parametrize("weight", ["train/weight/kd: 0.7\n", ""])
@pytest.mark.parametrize("broken", ["inf", "nan"])
def test_the_proof_is_shown_where_it_is_finite(judge, weight, broken):
    text = f"steps: 20\n{weight}train/raw/lm: 2\ntrain/raw/kd: 5\ntrain/loss: 7\n"

    (finding,) = judge(
        RULE,
        text + f"steps: 21, 22\ntrain/raw/lm: 2, 2\ntrain/raw/kd: {broken}, {broken}\ntrain/loss: {broken}, {broken}",
    )
    assert finding.numbers["total"] == 7


def test_values_too_large_to_be_added(judge):
    with pytest.raises(TooFew, match="too large"):
        judge(RULE, "steps: 30\ntrain/loss: 1e308\ntrain/raw/kd: 1e308")
