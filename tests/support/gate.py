"""The command line at its gate: what `sad WORDS` ends with, in this process."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from sad.cli import app


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    """Return the exit code."""
    monkeypatch.setattr(sys, "argv", ["sad", *words])
    with pytest.raises(SystemExit) as ended:
        app.main()
    return ended.value.code
