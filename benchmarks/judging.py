"""Judges code with one edit: which properties run the edited lines, and whether one of them breaks."""

from __future__ import annotations

import gc
import importlib.abc
import importlib.util
import json
import os
import resource
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from mutants import Mutant

ROOT = Path(__file__).resolve().parents[1]
PROCESSOR = 300
"""Seconds of processor time; a mutant that takes more hangs, and is noticed for that."""

IMPORT = "import"
"""Stands for a property: what runs when the code is imported."""
Lines = dict[str, set[int]]
"""By file, the lines of functions that ran."""


def properties() -> dict[str, Callable[[], Any]]:
    """Return, by a name, what judges the code that trains by each property of the whole catalogue."""
    from sad.bugs import BUGS
    from sad.verify import battery

    pairs = {(i, bug.fixed): f"{bug.code} {i.__name__}" for bug in reversed(BUGS) for i in bug.invariants}
    return {name: lambda i=i, f=f: battery._judge(i, f, on_error=False) for (i, f), name in pairs.items()}  # type: ignore[misc]


def quiet() -> None:
    """Be a process of its own group that says nothing and does not run for ever."""
    os.setsid()
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR))


def trace(name: str, into: str) -> None:
    """Judge the code as it is by one property; write which lines of functions it ran, in its own processes too.

    A line is written when it is first run, in the middle of a file that every process appends to.
    """
    quiet()
    handle = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    known: set[tuple[str, int]] = set()
    top = f"{ROOT / 'sad'}{os.sep}"

    def line(frame: FrameType, event: str, _: object) -> Any:
        at = (frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and at not in known:
            known.add(at)
            os.write(handle, f"{at[0]}:{at[1]}\n".encode())
        return line

    def call(frame: FrameType, _: str, unused: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(top) or code.co_name == "<module>":
            return None
        return line(frame, "line", unused)

    threading.settrace(call)
    if name == IMPORT:
        sys.settrace(call)
        properties()
        sys.settrace(None)
        return
    judge = properties()[name]
    sys.settrace(call)
    verdict = judge()
    sys.settrace(None)
    os.write(handle, f"{'clean' if verdict.holds else 'sick: ' + verdict.says}\n".encode())


def read_trace(path: Path) -> tuple[str, Lines]:
    """Return how the property was judged, and the lines that it ran."""
    told, lines = "crash", defaultdict(set)
    for one in path.read_text(encoding="utf-8").splitlines():
        file, _, number = one.rpartition(":")
        if number.isdecimal() and file.startswith(str(ROOT)):
            lines[Path(file).relative_to(ROOT).as_posix()].add(int(number))
        else:
            told = one
    return told, dict(lines)


def able(mutant: Mutant, ran: dict[str, Lines]) -> list[str]:
    """Return the properties that could notice: those that run a line of the edited statement; no other can tell the
    mutant from the code as it is. Of what runs at import already, all that run anything of its file.
    """
    file = mutant.path.as_posix()
    here = {name: lines[file] for name, lines in ran.items() if file in lines and name != IMPORT}
    if at_import(mutant, ran):
        return list(here)
    return [name for name, lines in here.items() if lines.intersection(mutant.lines)]


def at_import(mutant: Mutant, ran: dict[str, Lines]) -> bool:
    """Whether the edited statement runs when its file is imported."""
    return not mutant.function or bool(ran[IMPORT].get(mutant.path.as_posix(), set()).intersection(mutant.lines))


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the mutant's source in place of its file."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = ".".join(mutant.path.with_suffix("").parts)
        self.mutant = mutant

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(ROOT / self.mutant.path)
        exec(compile(self.mutant.source, module.__file__, "exec"), module.__dict__)


def plant(mutant: Mutant, anew: bool) -> None:
    """Put a mutant in the place of the code of this process: into the functions as they live, or by importing
    everything ``anew``.
    """
    file = str(ROOT / mutant.path)
    new = {one.co_qualname: one for one in _codes(compile(mutant.source, file, "exec"))}
    functions = [one for one in gc.get_objects() if isinstance(one, FunctionType) and one.__code__.co_filename == file]
    mine = [one for one in functions if one.__code__.co_qualname == mutant.function]
    if (
        mine
        and not anew
        and all(len(one.__code__.co_freevars) == len(new[mutant.function].co_freevars) for one in mine)
    ):
        for one in mine:
            one.__code__ = new[mutant.function]
        return
    sys.meta_path.insert(0, Planted(mutant))
    for name in [name for name in sys.modules if name.partition(".")[0] in ("sad", "sad_doctor")]:
        del sys.modules[name]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def judge(mutant: Mutant, anew: bool, names: Sequence[str], out: str) -> None:
    """Judge a mutant by some properties until one breaks; write which."""
    quiet()
    broken = None
    try:
        plant(mutant, anew)
        known = properties()
        for name in names:
            verdict = known[name]()
            if not verdict.holds:
                broken = f"{name}: {verdict.says}"
                break
    except BaseException as error:
        broken = f"crash: {type(error).__name__}: {error}"
    Path(out).write_text(json.dumps(broken), encoding="utf-8")


class Order:
    """The properties by what they are worth: how often they noticed a mutant of the same file, for their price."""

    def __init__(self, ran: dict[str, Lines], seconds: dict[str, float]) -> None:
        self.ran, self.seconds = ran, seconds
        self.noticed: dict[str, Counter[str]] = defaultdict(Counter)
        self.asked: dict[str, Counter[str]] = defaultdict(Counter)

    def of(self, mutant: Mutant) -> list[str]:
        """Return those that could notice, the most promising first."""
        file = mutant.path.as_posix()

        def worth(name: str) -> float:
            share = (self.noticed[file][name] + 0.3) / (self.asked[file][name] + 1.0)
            return share / (self.seconds[name] + 0.05)

        return sorted(able(mutant, self.ran), key=worth, reverse=True)

    def learn(self, mutant: Mutant, names: Sequence[str], found: str | None) -> None:
        """Take in what was found by asking them in this order."""
        file = mutant.path.as_posix()
        by = (found or "").partition(":")[0]
        for name in names:
            self.asked[file][name] += 1
            if name == by:
                self.noticed[file][name] += 1
                break
