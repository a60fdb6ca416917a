"""Judges code of any interface but a loss, line by line: how it is called is found out first, then each property."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sad.errors import UserError
from sad.judge import told
from sad.judge.battery import chosen, numbers
from sad.judge.cuts.limited import ending, of_a_part
from sad.judge.cuts.loops import loops_of
from sad.judge.cuts.piece import since, without_ours
from sad.judge.free import opened
from sad.judge.interface import Interface
from sad.judge.lifted import because
from sad.judge.missing import placeholders
from sad.judge.output import article
from sad.judge.raising import LACKING, CannotRunError, lacks, raised
from sad.judge.renamed import renamed
from sad.judge.report import Event, Line
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.target import is_alone, load, owner, program, said
from sad.judge.texts import text_of
from sad.verdict import Standing, Verdict

FOUND = {
    Interface.COLLATOR: "sad.judge.collators.found",
    Interface.EVALUATOR: "sad.judge.evaluators.found",
    Interface.STEP: "sad.judge.steps.found",
    Interface.ALIGNMENT: "sad.judge.alignments.found",
}
"""Where ``found(code)`` is, which finds out how code of an interface is called."""

Check = Callable[[], Verdict]


@dataclass(frozen=True, slots=True)
class Code:
    """Someone's code. ``owner`` is the class that a method was taken from, ``adapter`` the function that calls it;
    ``tokenizers`` are the names of a teacher's and a student's, where an alignment is judged on them too.
    """

    target: Any
    owner: type | None = None
    adapter: Callable[..., Any] | None = None
    tokenizers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What code was found to be, how it is called, and what is asked of it, by the name of the property."""

    what: str
    assumed: Sequence[str]
    checks: Mapping[str, Check] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """Code by the words of the command line."""

    interface: Interface
    target: str | None
    adapter: str | None = None
    tokenizers: tuple[str, ...] = ()

    def code(self, stood: list[str] | None = None) -> Code:
        """Import it; with ``stood``, placeholders stand for modules that are not installed, and are added to it.

        Raises UserError where there is no such thing, or importing it raises.
        """
        target, of = (None, None) if self.target is None else self._loaded(self.target, stood)
        if self.adapter is None:
            assert self.target is not None, "a request names code or an adapter"
            return Code(target, of, None, self.tokenizers)
        name = self.interface.adapted
        try:
            return Code(target, of, load(f"{self.adapter}:{name}"), self.tokenizers)
        except UserError as error:
            if f"has no {name}" not in str(error):
                raise
            raise UserError(f"--adapter {self.adapter}: define {name}(given) or {name}(given, target)") from None

    def _loaded(self, target: str, stood: list[str] | None) -> tuple[Any, type | None]:
        if self.interface is Interface.STEP and is_alone(target):
            # a program whose loop has no name
            return program(target, [] if stood is None else stood), None
        return opened(load(target, stood)), owner(target)


def judging(
    of: Named | Code,
    name: str,
    *,
    interface: Interface | None = None,
    only: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
) -> Iterator[Event]:
    """Judge code; each event is told as soon as it happens, as `sad.judge.losses.session.session` does.

    Raises UserError where how it is called cannot be told.
    """
    interface = of.interface if isinstance(of, Named) else interface
    assert interface is not None, "code comes with its interface"
    wanted = [one for one in chosen(only, interface) if one not in skip]
    stood: list[str] = []
    code = of.code(stood) if isinstance(of, Named) else of
    if code.adapter is None and not callable(code.target) and not isinstance(code.target, ModuleType):
        raise UserError(f"{name} is {article(type(code.target).__name__)}: give a function, a class or what is called")
    with renamed(code.target, code.owner) as read:
        yield from _judged(replace(code, target=read), name, interface, wanted, stood)


def _judged(code: Code, name: str, interface: Interface, wanted: Sequence[str], stood: list[str]) -> Iterator[Event]:
    yield {"start": "can_be_called"}
    began = time.perf_counter()
    try:
        code, judged = _found(code, interface)
    except UserError:
        raise
    except CannotRunError as error:
        if lacking := LACKING.search(str(error)):
            raise lacks(lacking) from None
        yield _line("can_be_called", Verdict(False, str(error)), interface, name, began)
        return
    except (Exception, SystemExit) as error:
        if lacking := LACKING.search(said(error)):
            raise lacks(lacking) from None
        yield _line("can_be_called", Verdict(False, raised(error)), interface, name, began)
        return
    assumed = [*judged.assumed, *told.assumed(), *because(code.target), *placeholders(stood)]
    yield {"what": judged.what, "assumed": assumed}
    for one in wanted:
        began = time.perf_counter()
        yield {"start": one}
        yield _line(one, _verdict(judged.checks[one]), interface, name, began)


def _found(code: Code, interface: Interface) -> tuple[Code, Judged]:
    """Find out how code is called; where that cannot be told of a whole step, of the loop in it that trains.

    Raises UserError where neither can be called, and what the whole of it raises.
    """
    found: Callable[[Code], Judged] = importlib.import_module(FOUND[interface]).found
    why = NeedsAdapterError("no loop in it sends gradients back, so it is no step")
    whole = not isinstance(code.target, ModuleType)
    if whole:
        try:
            return code, found(code)
        except NeedsAdapterError as error:
            why = error
    cut = interface is Interface.STEP and code.adapter is None
    pieces = list(without_ours(loops_of(code.target, code.owner))) if cut else []
    for piece in pieces:
        part = Code(opened(piece.function))
        try:
            judged = ending(found)(part)
        except Exception as error:
            says = f"its loop, {piece.said}, {raised(error)}: a guess in part"
            why = why if whole else error if isinstance(error, NeedsAdapterError) else NeedsAdapterError(says)
            continue
        more = [f"{alias} is {own} there" for own, alias in piece.aliases.items()]
        more += [f"another loop in it, {one.said}, is not judged" for one in pieces if one is not piece]
        because_of = f", {since(why)}" if whole else ""
        says = f"judged is the loop of {piece.said} alone{because_of}: what stands before and beside it is left out"
        checks = {one: of_a_part(ending(check)) for one, check in judged.checks.items()}
        what = f"{judged.what}, {piece.said}"
        return part, replace(judged, what=what, assumed=[says, *more, *judged.assumed], checks=checks)
    raise why


def file_of(code: Code) -> str:
    """Return the text of the file that code is in, '' where there is none to read."""
    target: Any = code.target if inspect.isroutine(code.target) or isinstance(code.target, type) else type(code.target)
    try:
        return Path(inspect.getsourcefile(target) or "").read_text(encoding="utf-8", errors="replace")
    except (OSError, TypeError):
        return ""


def source(code: Code) -> str:
    """Return the source of code, '' where there is none to read."""
    target: Any = code.target if inspect.isroutine(code.target) or isinstance(code.target, type) else type(code.target)
    # a bound method by its function: what it is bound to need not be hashable
    return _text(getattr(target, "__func__", target))


@cache
def _text(target: Any) -> str:  # noqa: ANN401 - whatever is called
    try:
        text = text_of(target)
    except (OSError, TypeError):
        return ""
    base = getattr(target, "__mro__", ())[1:-1]
    own = [one for one in base if one.__module__ == target.__module__]
    return "\n".join([text, *map(text_of, own)])


def reached(code: Code) -> str:
    """Return the source of code with that of the functions of its module that it names, and those that they name."""
    text = source(code)
    beside = getattr(inspect.unwrap(code.target) if callable(code.target) else code.target, "__globals__", None)
    beside = beside or vars(sys.modules.get(getattr(code.target, "__module__", ""), object))
    left = {name: one for name, one in beside.items() if inspect.isfunction(one) and one is not code.target}
    while named := [name for name in left if re.search(rf"\b{re.escape(name)}\b", text)]:
        for name in named:
            one = left.pop(name)
            text += source(Code(one, None, None)) if one.__globals__ is beside else ""
    return text


def _verdict(check: Check) -> Verdict:
    try:
        return check()
    except NeedsAdapterError as error:
        return Verdict(True, str(error), standing=Standing.NOT_APPLICABLE)
    except (Exception, SystemExit) as error:
        return Verdict(False, raised(error))


def _line(one: str, verdict: Verdict, interface: Interface, name: str, began: float) -> dict[str, Any]:
    line = Line(
        one,
        verdict.standing,
        verdict.says,
        {key: float(number) for key, number in verdict.numbers.items()},
        verdict.example,
        f"sad verify {interface.flag} {name} --only {one}",
        time.perf_counter() - began,
        numbers(interface).get(one, ""),
    )
    return {"line": line}
