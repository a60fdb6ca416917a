"""Who asks a stand-in: a program, for which it answers, or a library, which gets what there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any

_FUNCTIONS = (FunctionType, BuiltinFunctionType)
LIBRARIES = ("site-packages", "dist-packages", str(Path(argparse.__file__).parent))


@cache
def installed(file: str) -> bool:
    """Whether a file is one of Python or of a package."""
    return any(part in file for part in LIBRARIES)


def asking(*through: str) -> FrameType | None:
    """Return the function of a program that asks, also ``through`` files that do so for it; None where a library asks.

    It is called by what is asked.
    """
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.endswith(("argparse.py", "pathlib.py", *through)):
        frame = frame.f_back
    return None if installed(frame.f_code.co_filename) else frame


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """What modules that are no library's hold: the modules, by the id of a function where it is named, and classes."""

    modules: list[ModuleType]
    named: dict[int, list[tuple[ModuleType, str]]]
    kinds: list[type]

    @classmethod
    def of_now(cls) -> Program:
        """Look through the modules as they are."""
        found = cls([module for module in list(sys.modules.values()) if _is_own(module)], {}, [])
        for module in found.modules:
            for key, value in list(vars(module).items()):
                if isinstance(value, _FUNCTIONS):
                    found.named.setdefault(id(value), []).append((module, key))
                elif isinstance(value, type) and value.__module__ == module.__name__:
                    found.kinds.append(value)
        return found


class _Kept:
    """The program as it was looked through last: of a large one that takes long, and it is asked for at each run."""

    def __init__(self) -> None:
        self.standing = 0
        self._modules: tuple[int, ...] = ()
        self._found = Program([], {}, [])

    def program(self) -> Program:
        modules = tuple(map(id, list(sys.modules.values())))
        if modules == self._modules:
            return self._found
        found = Program.of_now()
        if not self.standing:
            # else what stands in would be taken for the program's own afterwards
            self._modules, self._found = modules, found
        return found


_KEPT = _Kept()


def program() -> Program:
    """Return what the program holds; see :class:`Program`."""
    return _KEPT.program()


@contextmanager
def standing() -> Iterator[Callable[[Iterable[tuple[Any, str, Any]]], None]]:
    """Give what puts stand-ins in their places; afterwards all is as it was."""
    before: list[tuple[Any, str, Any]] = []
    gone = object()

    def put(stands: Iterable[tuple[Any, str, Any]]) -> None:
        for of, name, stand in list(stands):
            before.append((of, name, vars(of).get(name, gone)))
            setattr(of, name, stand)

    program()
    _KEPT.standing += 1
    try:
        yield put
    finally:
        _KEPT.standing -= 1
        for of, name, was in reversed(before):
            if was is gone:
                delattr(of, name)
            else:
                setattr(of, name, was)


def bound(home: str, stands: Mapping[str, Any]) -> Iterator[tuple[Any, str, Any]]:
    """Go through where functions of a module are named: there, and wherever a program imported them by name."""
    module = sys.modules.get(home)
    # asked for once: to see that no module has come takes as long as all the rest
    named = program().named if module is not None else {}
    for name, stand in stands.items():
        real = getattr(module, name, None)
        places = [(module, name), *named.get(id(real), ())] if real is not None else ()
        yield from ((place, key, stand) for place, key in places if vars(place).get(key) is real)


def _is_own(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return bool(file) and not installed(str(file)) and module.__name__.partition(".")[0] not in ("sad", "sad_doctor")
