import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.weight_runs_away import RULE

DOUBLED = ", ".join(str(0.5 * 2 ** (step // 10)) for step in range(100))
STEPS = f"steps: {', '.join(map(str, range(100)))}"


def test_a_weight_that_is_doubled_again_and_again(judge):
    (finding,) = judge(RULE, f"{STEPS}\ntrain/weight/layerwise: {DOUBLED}")
    assert finding.level == Level.WARNING
    assert "256 at the end" in finding.headline


def test_it_is_seen_without_a_logged_weight(judge):
    (finding,) = judge(RULE, f"{STEPS}\ntrain/weighted/kd: {DOUBLED}\ntrain/raw/kd: 1")
    assert "weight of kd" in finding.headline


@pytest.mark.parametrize("weight", ["0 -> 1", "0 -> 0 -> 0 -> 1 -> 1", "0.5", "1 -> 0", "0.1 -> 1 -> 1"])
def test_curricula_are_left_alone(judge, weight):
    assert judge(RULE, f"steps: 100\ntrain/weight/kd: {weight}") == []


@pytest.mark.parametrize(
    ("last", "level"), [(1.0, Level.INFO), (0.5, Level.INFO), (1.5, Level.WARNING), (64.0, Level.WARNING)]
)
def test_a_weight_brought_in_by_a_factor_is_a_hint_up_to_1(judge, last, level):
    told = ", ".join(f"{0.01 * (last / 0.01) ** (step / 99):.6g}" for step in range(100))
    (finding,) = judge(RULE, f"{STEPS}\ntrain/weight/kd: {told}")
    assert finding.level == level
    assert ("without end" in finding.headline) is (level == Level.WARNING)


def test_too_few_records(judge):
    with pytest.raises(TooFew):
        judge(RULE, "steps: 5\ntrain/weight/kd: 1 -> 64")
