"""Marked modules: they do as they did, tell what is entered, and end what is taken away."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
from marked import VARIABLE, Marks

CODE = '''
from functools import cache

@cache
def plain(number):
    """What it says of itself."""
    return number

def several(number):
    yield number

async def later(number):
    return number

async def stream():
    yield 1

def described():
    """It does nothing."""

class Square:
    @property
    def area(self):
        return 9

    @staticmethod
    def corners():
        yield from range(4)

def fails():
    raise ValueError("planted")
'''


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Marks, ModuleType]:
    (tmp_path / "marked_shapes.py").write_text(CODE)
    (tmp_path / "unmarked_shapes.py").write_text(CODE)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in (VARIABLE, "PYTHONPATH"):
        # what is shared is written there
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.syspath_prepend(str(tmp_path))
    marks = Marks(tmp_path, tmp_path / "marked_shapes.py")
    for name in ("marked_shapes", "unmarked_shapes"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return marks, importlib.import_module("marked_shapes")


async def _all(stream: AsyncIterator[int]) -> list[int]:
    return [one async for one in stream]


def test_what_is_entered_is_told_and_does_as_it_did(loaded: tuple[Marks, ModuleType]) -> None:
    marks, module = loaded
    assert marks.entered == set()
    assert (module.plain(2), list(module.several(3)), asyncio.run(module.later(4))) == (2, [3], 4)
    assert asyncio.run(_all(module.stream())) == [1]
    assert (module.described(), module.Square().area, list(module.Square.corners())) == (None, 9, [0, 1, 2, 3])
    names = {"plain", "several", "later", "stream", "described", "Square.area", "Square.corners"}
    assert marks.entered == {f"marked_shapes.py:{name}" for name in names}
    assert inspect.getdoc(module.plain) == "What it says of itself."


def test_what_is_taken_away_gives_nothing(loaded: tuple[Marks, ModuleType]) -> None:
    marks, module = loaded

    def without(name: str) -> ModuleType:
        marks.away = f"marked_shapes.py:{name}"
        return module

    assert without("plain").plain(2) is None
    assert list(without("several").several(3)) == []
    assert asyncio.run(without("later").later(4)) is None
    assert asyncio.run(_all(without("stream").stream())) == []
    assert without("Square.area").Square().area is None
    assert list(module.Square.corners()) == [0, 1, 2, 3]
    assert list(without("Square.corners").Square.corners()) == []


def test_others_are_left_as_they_are_and_no_byte_code_stays(loaded: tuple[Marks, ModuleType], tmp_path: Path) -> None:
    marks, module = loaded
    other = importlib.import_module("unmarked_shapes")
    assert other.plain(2) == 2
    assert marks.entered == set()
    assert not [path for path in tmp_path.rglob("*.pyc") if path.name.startswith("marked_")]
    with pytest.raises(ValueError, match="planted") as told:
        module.fails()
    assert told.traceback[-1].lineno == CODE.splitlines().index('    raise ValueError("planted")')


def test_processes_that_are_started_mark_theirs(loaded: tuple[Marks, ModuleType], tmp_path: Path) -> None:
    """One that is forked has the marks; one that is started anew reads of them in its environment."""
    marks, module = loaded
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import marked_shapes; print(marked_shapes.plain(7))"

    def both() -> tuple[int, str]:
        if not (child := os.fork()):
            os._exit(len(list(module.several(1))))
        forked = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return forked, subprocess.check_output([sys.executable, "-c", start], text=True).strip()

    marks.share(tmp_path / "told")
    assert both() == (1, "7")
    assert marks.heard() == {"marked_shapes.py:plain", "marked_shapes.py:several"}
    assert marks.heard() == set()
    for away, left in (("several", (0, "7")), ("plain", (1, "None"))):
        marks.share(None, f"marked_shapes.py:{away}")
        assert both() == left
