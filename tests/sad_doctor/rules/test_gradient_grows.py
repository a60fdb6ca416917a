import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.gradient_grows import RULE


def test_a_norm_that_grows_throughout(judge):
    (finding,) = judge(RULE, "steps: 100\ntrain/grad_norm: 1 -> 5 -> 15 ~ 0.2")
    assert "grows throughout" in finding.headline
    assert finding.numbers["last"] > 4 * finding.numbers["first"]


@pytest.mark.parametrize(
    "norm",
    [
        "3 -> 1 -> 1.2 ~ 0.2",
        "1 -> 2 -> 3 ~ 0.2",
        # up and down again: no sum of all gradients
        "1 -> 15 -> 1 -> 15 -> 1 -> 15 ~ 0.2",
    ],
)
def test_others_are_left_alone(judge, norm):
    assert judge(RULE, f"steps: 100\ntrain/grad_norm: {norm}") == []


def test_too_few_records(judge):
    with pytest.raises(TooFew, match="40 records"):
        judge(RULE, "steps: 30\ntrain/grad_norm: 1 -> 15")
