import pytest

from sad_doctor.finding import Level
from sad_doctor.rules.memory_grows import RULE


@pytest.mark.parametrize("column", ["train/memory_bytes", "train/device_peak_bytes"])
def test_a_leak_keeps_its_pace(judge, column):
    assert len(judge(RULE, f"steps: 200\n{column}: 4e9 -> 9e9 ~ 1e7")) == 1
    assert judge(RULE, f"steps: 200\n{column}: 4e9 -> 8e9 -> 8.1e9 -> 8.1e9 -> 8.1e9") == []
    assert judge(RULE, f"steps: 200\n{column}: 4e8 -> 6e8") == []


def test_the_pace_is_told(judge):
    (finding,) = judge(RULE, "steps: 200 every 10\ntrain/memory_bytes: 4294967296 -> 8589934592")

    assert finding.numbers["gib_per_1000_steps"] == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(("low", "high", "fires"), [(2e9, 4e9, True), (2e9, 2.2e9, False)])
def test_a_memory_that_grows_at_once_and_stays(judge, low, high, fires):
    text = f"steps: 100\ntrain/memory_bytes: {low} ~ 1e7\nsteps: "
    text += ", ".join(str(i) for i in range(101, 161)) + f"\ntrain/memory_bytes: {high} ~ 1e7"
    found = judge(RULE, text)
    assert [one.level for one in found] == ([Level.INFO] if fires else [])
    assert all("grows at once, at step 101" in one.headline for one in found)
