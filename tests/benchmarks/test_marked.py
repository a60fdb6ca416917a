"""Marked modules: they do as they did, tell what is entered, and end what is taken away."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from marked import Marks

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
