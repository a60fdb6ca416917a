"""The programs of `benchmarks/` are imported as they import one another; what several of their tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))


@pytest.fixture
def raw_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher that nobody trained, for tests that look at the wiring."""
    from planted import model, training

    def made(vocabulary: int, width: int, length: int, seed: int, spoken: int) -> tuple[model.Tiny, model.Language]:
        teacher = model.Tiny(vocabulary, width, 2, 4, length).eval().requires_grad_(False)
        return teacher, model.Language(spoken, seed)

    monkeypatch.setattr(training, "trained_teacher", made)
