"""`from sad.invariants import check`: judges someone's code inside a test suite, in this process."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from sad.errors import UserError
from sad.judge.gives import of
from sad.judge.interface import Interface
from sad.judge.judging import Code, judging
from sad.judge.losses.adapter import adapt
from sad.judge.losses.call import Call
from sad.judge.losses.partly import whole_or_part
from sad.judge.losses.session import session
from sad.judge.output import article
from sad.judge.renamed import renamed
from sad.judge.report import Event, Report, told
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.told import telling
from sad.subjects.divergence import Contract, Divergence


def check(
    code: Any,  # noqa: ANN401 - a function, a module, a class, or a Divergence
    *,
    kind: str = "loss",
    contract: Contract | None = None,
    given: Mapping[str, object] | None = None,
    only: tuple[str, ...] = (),
    seed: int = 0,
) -> Report:
    """Judge code and return the report. Raises AssertionError, which tells the whole report, if a property breaks.

    ``kind`` is what it is for: loss, collator, evaluator, step or alignment. Of a loss ``contract`` states what is
    claimed; without one it is found out, and ``seed`` chooses its inputs. ``given`` tells what parameters and settings
    are whose names do not: a value, or one of the field's names, as in ``{"group_size": 4, "soft": "teacher_logits"}``;
    classes are changed for as long as they are judged. A loss whose only parameter is ``given`` is
    called with a `sad.subjects.divergence.Given`. Raises UserError where how it is called cannot be told.
    """
    report = judged(code, kind=kind, contract=contract, given=given, only=only, seed=seed)
    if report.broken:
        raise AssertionError(told(report))
    return report


def judged(
    code: Any,  # noqa: ANN401 - as in ``check``
    *,
    kind: str = "loss",
    contract: Contract | None = None,
    given: Mapping[str, object] | None = None,
    only: tuple[str, ...] = (),
    seed: int = 0,
) -> Report:
    """Judge code in this process and return the report, broken or not."""
    started, interface = time.perf_counter(), _interface(kind)
    if not (callable(code) or isinstance(code, Divergence)):
        raise UserError(f"check({code!r}): give the function itself, not {_its(code)}")
    name = getattr(code, "__qualname__", type(code).__name__)
    report = Report(name, interface=interface)
    try:
        with telling(of(given or {}, interface)):
            for event in _events(code, name, interface, contract, only, seed):
                report.what, report.assumed = event.get("what", report.what), event.get("assumed", report.assumed)
                if "line" in event:
                    report.lines.append(event["line"])
    except NeedsAdapterError as error:
        if interface is not Interface.LOSS:
            raise
        # options are for the command line
        named = ", ".join(f"{name!r}: …" for name in error.names)
        say = f"say it with check(…, given={{{named}}}), or " if named else ""
        raise UserError(
            f"{error.why}; {say}give check a function of one parameter, given, that calls it (docs/judge-your-loss.md)"
        ) from None
    report.seconds = time.perf_counter() - started
    return report


def _events(
    code: Any,  # noqa: ANN401 - as in ``check``
    name: str,
    interface: Interface,
    contract: Contract | None,
    only: tuple[str, ...],
    seed: int,
) -> Iterator[Event]:
    owner = _owner(code)
    if interface is not Interface.LOSS:
        yield from judging(Code(code, owner), name, interface=interface, only=only)
        return
    with renamed(code, owner) as read:

        def whole() -> Iterator[Event]:
            return session(_subject(read, owner, contract), name, only=only, seed=seed)

        said = contract is not None or isinstance(code, Divergence)
        for event in whole() if said else whole_or_part(whole, code, owner, name, only=only, seed=seed):
            if "unjudged" in event:
                why = event["unjudged"]
                raise UserError(f"{name} is judged in part: {why}")
            yield event


def _its(code: object) -> str:
    return "its name" if isinstance(code, str) else "None" if code is None else article(type(code).__name__)


def _interface(kind: str) -> Interface:
    try:
        return Interface(kind)
    except ValueError:
        raise UserError(f"kind {kind!r}: no such kind of code; there are {', '.join(Interface)}") from None


def _owner(code: Any) -> type | None:  # noqa: ANN401 - as in ``check``
    """Return the class of a function that is named through it, as in ``Class.method``; None for any other code."""
    if not inspect.isfunction(code) or next(iter(inspect.signature(code).parameters), "") != "self":
        return None
    found: Any = sys.modules.get(code.__module__)
    for part in code.__qualname__.split(".")[:-1]:
        found = getattr(found, part, None)
    if not isinstance(found, type):
        raise UserError(f"{code.__qualname__}: its class cannot be found; give a method of an object that was made")
    return found


def _subject(loss: Any, owner: type | None, contract: Contract | None) -> Call | Divergence:  # noqa: ANN401 - as in ``check``
    if isinstance(loss, Divergence):
        return loss
    call: Call = adapt(loss) if _takes_given(loss) else Call(loss, owner)
    if contract is None:
        return call
    if not _takes_given(loss):
        # the form is found out, the claim is not
        from sad.judge.losses.discover import discover

        call = discover(call, 0).call
    return Divergence(contract, call)


def _takes_given(loss: Any) -> bool:  # noqa: ANN401 - as in ``check``
    try:
        names = list(inspect.signature(loss).parameters)
    except (TypeError, ValueError):
        return False
    return names == ["given"]
