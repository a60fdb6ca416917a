import pytest

from sad_doctor.finding import Level
from sad_doctor.rule import TooFew
from sad_doctor.rules.no_sign_of_life import RULE

START = 1_700_000_000


def run(silent: float, gaps: str = "0, 10, 20, 30", status: str = "running") -> str:
    times = [START + float(one) for one in gaps.split(",")]
    facts = f"fact status: {status}\nfact heartbeat: {times[-1]}\nfact seen: {times[-1] + silent}\n"
    return f"{facts}steps: {len(times)}\ntrain/loss: 9\ntime: {', '.join(map(str, times))}"


@pytest.mark.parametrize(("silent", "level"), [(700, Level.WARNING), (3601, Level.ERROR), (412 * 86400, Level.ERROR)])
def test_a_run_that_says_it_is_running_and_is_silent(judge, silent, level):
    (finding,) = judge(RULE, run(silent))

    assert finding.level == level
    assert "no sign of life" in finding.headline


@pytest.mark.parametrize(
    "text",
    [run(590), run(10_000, "0, 600, 1200"), run(5000, "0, 10, 2010, 2020"), run(10**6, status="finished"), run(-50)],
    ids=["a short silence", "a slow run", "a long evaluation before", "over", "another clock"],
)
def test_its_own_pace_and_status_are_heeded(judge, text):
    assert judge(RULE, text) == []


def test_a_heartbeat_without_records_counts(judge):
    assert len(judge(RULE, f"fact status: running\nfact heartbeat: {START}\nfact seen: {START + 700}")) == 1


@pytest.mark.parametrize("text", ["steps: 3\ntrain/loss: 9", f"fact status: running\nfact seen: {START}"])
def test_a_log_that_does_not_tell_is_not_judged(judge, text):
    with pytest.raises(TooFew):
        judge(RULE, text)
