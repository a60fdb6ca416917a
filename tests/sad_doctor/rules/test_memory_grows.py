import pytest

from sad_doctor.rules.memory_grows import RULE


@pytest.mark.parametrize("column", ["train/memory_bytes", "train/device_peak_bytes"])
def test_a_leak_keeps_its_pace(judge, column):
    assert len(judge(RULE, f"steps: 200\n{column}: 4e9 -> 9e9 ~ 1e7")) == 1
    assert judge(RULE, f"steps: 200\n{column}: 4e9 -> 8e9 -> 8.1e9 -> 8.1e9 -> 8.1e9") == []
    assert judge(RULE, f"steps: 200\n{column}: 4e8 -> 6e8") == []


def test_the_pace_is_told(judge):
    (finding,) = judge(RULE, "steps: 200 every 10\ntrain/memory_bytes: 4294967296 -> 8589934592")

    assert finding.numbers["gib_per_1000_steps"] == pytest.approx(2.0, rel=0.05)
