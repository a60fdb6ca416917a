import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.loss_scale_falls import RULE


def scales(*exponents):
    return f"steps: {len(exponents)}\ntrain/loss_scale: {', '.join(str(2.0**e) for e in exponents)}"


def test_a_scale_that_falls_to_1_is_told_with_its_falls(judge):
    (finding,) = judge(RULE, scales(16, 16, 15, 14, 13, 12, 10, 8, 6, 4, 2, 0))
    assert "falls from 65,536 to 1" in finding.headline
    assert (finding.first_step, finding.last_step) == (3, 12)


@pytest.mark.parametrize(
    "exponents",
    [
        [16, 15, 14, 13, 12, 12, 12, 12, 13, 12, 12, 12],  # it finds its size
        [0] * 12,  # bf16: there is none
        [16] * 9 + [2, 9, 16],  # it comes back
        [6, 5, 4, 3, 2, 2, 2, 2, 2, 2, 2, 2],  # never a scale of float16
    ],
)
def test_others_are_left_alone(judge, exponents):
    assert judge(RULE, scales(*exponents)) == []


def test_too_few_records(judge):
    with pytest.raises(TooFew, match="9 records"):
        judge(RULE, scales(16, 14, 12, 10, 8, 6, 4, 2, 0))
