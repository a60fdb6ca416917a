"""The soak benchmark sees what it looks for: a process that grows, a look that takes longer, too few samples."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faulted import soak
from faulted.soak import WRONG, Watched

PLANTED = 8 << 20
"""Bytes that leak every 1,000 records: four times what the dashboard may keep."""


def watched(leak: int, name: str = "dashboard", apart: int = 1000) -> Watched:
    """Watch this process, which keeps ``leak`` bytes more at each so many records."""
    held, found = [], Watched(name)
    for records in range(0, 20 * apart + 1, apart):
        held.append(b"\x01" * leak)
        found.sample(os.getpid(), records)
    return found


def wrong(found: Watched) -> list[str]:
    return [line for line in found.lines() if line.startswith(WRONG)]


def test_a_planted_leak_is_above_the_limit_and_none_is_not() -> None:
    assert wrong(watched(0)) == []
    assert wrong(watched(PLANTED)) == [f"{WRONG} dashboard grows by more than 2 MB a 1,000 records"]


def test_the_first_records_of_a_training_are_its_allocators() -> None:
    early = watched(PLANTED, "training", 50)
    assert wrong(early) == []
    assert any("not judged: 1,000 records are fewer than 1,100" in line for line in early.lines())
    assert wrong(watched(PLANTED, "training", 60)) == [f"{WRONG} training grows by more than 3 MB a 1,000 records"]


def test_a_look_that_takes_longer_is_above_the_limit_and_both_are_told_in_ms() -> None:
    found = watched(0)
    found.looks = [0.1] * 100
    assert wrong(found) == []
    assert any("a look, median 100.0 ms in the second tenth, 100.0 ms in the last" in line for line in found.lines())
    found.looks[-10:] = [0.3] * 10
    assert [line.partition(": ")[2][:17] for line in wrong(found)] == ["a look takes long"]


def test_too_few_samples_are_no_proof() -> None:
    found = Watched("training")
    assert wrong(found) == [f"{WRONG} training: no samples"]
    found.sample(os.getpid(), 10)
    assert len(wrong(found)) == 2


@pytest.mark.parametrize(("leak", "code"), [(0, 0), (PLANTED, 1)])
def test_a_limit_that_is_passed_is_the_exit_code(
    leak: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faults
    from faulted import world

    monkeypatch.setattr(world, "make", lambda _folder: None)
    monkeypatch.setattr(soak, "soak", lambda *_of, **_how: watched(leak).lines())
    assert faults.soak(1, tmp_path) == code
