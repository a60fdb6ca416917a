import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.evaluation_set_changes import RULE

SPEED = "steps: 4 every 50\neval/loss: 5, 4, 3, 3\neval_samples_per_second: 100.3, 99.7, 100.1, 99.9\neval_runtime: {}"


def test_an_evaluation_of_fewer_texts_is_a_hint(judge):
    (finding,) = judge(RULE, SPEED.format("2.03, 1.98, 1.01, 2.02"))
    assert finding.level == Level.INFO
    assert "204 samples in one of them, 101 at step 150" in finding.headline


@pytest.mark.parametrize("seconds", ["2, 2, 2, 2", "2, 2.1, 2, 2", "2, 2.1, 2.15, 2"])
def test_what_printing_explains_is_left_alone(judge, seconds):
    assert judge(RULE, SPEED.format(seconds)) == []


def test_too_few_evaluations(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 1, 2\neval/loss: 5, 4\neval_samples_per_second: 100, 100\neval_runtime: 2, 1")
