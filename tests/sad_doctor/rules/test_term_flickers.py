import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.term_flickers import RULE

OFF = (2, 5, 7, 11, 13, 18, 22, 23, 29, 31, 37, 40)


def told(name: str, off: tuple[int, ...] = OFF) -> str:
    values = ", ".join("0" if step in off else f"{2 - 0.01 * step:.2f}" for step in range(48))
    return f"steps: {', '.join(map(str, range(48)))}\n{name}: {values}"


@pytest.mark.parametrize(
    ("name", "says"),
    [("train/raw/kd", "The term kd"), ("train/weighted/x", "The term x"), ("train/coverage", "The coverage")],
)
def test_a_term_that_is_nothing_now_and_then(judge, name, says):
    (finding,) = judge(RULE, told(name))
    assert finding.level == Level.INFO
    assert finding.headline.startswith(f"{says} is exactly 0 in 25.0%")


@pytest.mark.parametrize("off", [(), tuple(range(20)), tuple(range(30, 48)), (7, 8), tuple(range(47))])
def test_a_switch_is_another_picture(judge, off):
    assert judge(RULE, told("train/raw/kd", off)) == []


def test_a_weight_that_is_logged_as_0_there_is_meant(judge):
    weights = ", ".join("0" if step in OFF else "1" for step in range(48))
    assert judge(RULE, f"{told('train/raw/kd')}\ntrain/weight/kd: {weights}") == []


def test_too_few_records(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 20\ntrain/raw/kd: 1")
