import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import fuzz

from sad_doctor.run import Column, Event, Run


def test_damaged_logs_of_every_format_do_no_harm(tmp_path):
    counts, failed = fuzz.fuzz(60.0, 7, tmp_path, most=len(fuzz.sources()) * 3)
    assert failed == []
    assert set(counts) == set(fuzz.sources())


def test_it_sees_an_escape_sequence_and_an_exception(tmp_path, monkeypatch):
    column = Column(np.arange(3.0), np.ones(3))
    run = Run("a", "x", tmp_path, {"train/loss": column}, (Event("crash", "\x1b[2J"),))
    assert any("not clean" in one for one in fuzz.told(run))
    monkeypatch.setattr(fuzz, "open_log", lambda _: 1 / 0)
    assert list(fuzz.problems(tmp_path)) == ["ZeroDivisionError: division by zero"]


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_anything_can_be_damaged(size):
    rng = fuzz.random.Random(1)
    assert len({fuzz.damaged(b"1" * size, rng) for _ in range(50)}) > 10
