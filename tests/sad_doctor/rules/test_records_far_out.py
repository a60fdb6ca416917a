import numpy as np
import pytest

from sad_doctor.rule import TooFew
from sad_doctor.rules.records_far_out import RULE

AT = np.arange(1, 81)
OUT = np.isin(AT, [9, 30, 44, 71])


def column(name: str, level: float, out: float, where: np.ndarray = OUT) -> str:
    value = level + np.random.default_rng(len(name)).normal(0, 0.02, AT.size)
    told = ", ".join(f"{v:.4f}" for v in np.where(where, out, value))
    return f"steps: {', '.join(map(str, AT))}\n{name}: {told}\n"


LM = column("train/raw/lm", 4, 4)


def test_a_flat_answer_in_some_records(judge):
    text = "fact vocabulary_size: 256\n" + column("train/teacher_entropy", 3.4, 5.5452)
    (finding,) = judge(RULE, text + column("train/raw/kd", 1, 2) + LM)
    assert finding.headline.startswith("In 4 of 80 records the teacher's entropy stands far out, at 5.5452")
    assert "ln(256), a flat distribution" in finding.headline
    assert any(line.startswith("The same to the last digit") for line in finding.evidence)
    assert "With it: the term kd" in finding.evidence
    assert "replaced there by one that is flat" in finding.cause


def test_text_that_is_hard_is_not_the_teachers(judge):
    assert judge(RULE, column("train/teacher_lm_loss", 3, 6) + column("train/raw/lm", 4, 7)) == []


@pytest.mark.parametrize(
    "where", [np.isin(AT, [9, 30]), AT % 2 == 0, AT > 80, AT > 40], ids=["two", "half", "none", "a break"]
)
def test_too_few_or_too_many_or_none(judge, where):
    assert judge(RULE, column("train/teacher_entropy", 3.4, 5.5, where) + LM) == []


def test_too_few_records(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 30\ntrain/teacher_entropy: 3")
