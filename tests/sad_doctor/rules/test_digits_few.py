import numpy as np
import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.digits_few import RULE


def column(name: str, bits: int, digits: int = 4) -> str:
    value = np.linspace(6.2, 4.1, 40) + np.random.default_rng(0).normal(0, 0.1, 40)
    step = np.exp2(np.floor(np.log2(value)) - (bits - 1))
    told = ", ".join(f"{v:.{digits}f}" for v in step * np.round(value / step))
    return f"steps: {', '.join(map(str, range(1, 41)))}\n{name}: {told}\n"


def test_a_total_in_bfloat16_beside_terms_that_are_not(judge):
    (finding,) = judge(RULE, column("train/loss", 8) + column("train/raw/lm", 24))
    assert "the training loss fits into the 8 bits of bfloat16" in finding.headline
    assert "The term lm: all digits" in finding.evidence
    assert "added in a small type" in finding.cause


def test_all_of_them(judge):
    (finding,) = judge(RULE, column("train/loss", 8) + column("train/raw/lm", 8))
    assert finding.numbers == {"bits": 8, "series": 2}
    assert "computed in a small type" in finding.cause


def test_float16(judge):
    (finding,) = judge(RULE, column("train/raw/lm", 11, digits=6))
    assert "11 bits of float16" in finding.headline


@pytest.mark.parametrize("text", [column("train/loss", 24), column("train/loss", 8, digits=1)])
def test_all_digits_or_too_few_printed_to_tell(judge, text):
    assert judge(RULE, text) == []


def test_too_few(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 10\ntrain/loss: 5 -> 4")
