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
    with pytest.raises(TooFew, match="24 records"):
        judge(RULE, "steps: 20\ntrain/grad_norm: 1 -> 15")


def test_what_it_rises_by_at_one_step_is_no_growth(judge):
    later = ", ".join(str(i) for i in range(61, 121))
    text = "steps: 60\ntrain/grad_norm: 1 -> 1.3 -> 1.6 ~ 0.02\n"
    assert judge(RULE, f"{text}steps: {later}\ntrain/grad_norm: 5 -> 6 ~ 0.05") == []
