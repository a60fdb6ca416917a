import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.throughput_falls import RULE

SLOW = "steps: 120\ntrain/tokens_per_second: 9000 -> 9000 -> 9000 -> {} -> {} -> {} ~ 100\n"


@pytest.mark.parametrize(("end", "level"), [(1500, Level.WARNING), (4000, Level.INFO), (6000, None)])
def test_how_far_it_fell(judge, end, level):
    found = judge(RULE, SLOW.format(end, end, end))

    assert [f.level for f in found] == ([] if level is None else [level])


def test_a_short_run_loses_little(judge):
    (finding,) = judge(RULE, SLOW.format(1500, 1500, 1500) + "time: 1700000000 -> 1700000120")

    assert finding.level == Level.INFO


def test_a_slow_stretch_that_is_over(judge):
    assert judge(RULE, "steps: 120\ntrain/tokens_per_second: 9000 -> 1000 -> 9000 -> 9000") == []


def test_times_tell_the_pace(judge):
    text = "steps: 120\ntrain/loss: 9\ntime: 1700000000 -> 1700000100 -> 1700006000"

    (finding,) = judge(RULE, text)
    assert "steps a second" in finding.headline
    with pytest.raises(TooFew):
        judge(RULE, "steps: 9\ntrain/loss: 9\ntime: 1700000000 -> 1700000100")
