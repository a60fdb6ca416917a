"""`from sad.invariants import check`: judges a loss inside a test suite, in this process."""

from __future__ import annotations

import inspect
import time
from typing import Any

from sad.judge.adapter import adapt
from sad.judge.call import Call
from sad.judge.report import Report, told
from sad.judge.session import session
from sad.subjects.divergence import Contract, Divergence


def check(
    loss: Any,  # noqa: ANN401 - a function, a module, a class, or a Divergence
    *,
    contract: Contract | None = None,
    only: tuple[str, ...] = (),
    seed: int = 0,
) -> Report:
    """Judge a loss and return the report. Raises AssertionError, which tells the whole report, if a property breaks.

    ``contract`` states what is claimed; without one it is found out. A function whose only parameter is ``given`` is
    called with a `sad.subjects.divergence.Given`. Raises UserError where how it is called cannot be told.
    """
    report = judged(loss, contract=contract, only=only, seed=seed)
    if report.broken:
        raise AssertionError(told(report))
    return report


def judged(
    loss: Any,  # noqa: ANN401 - as in ``check``
    *,
    contract: Contract | None = None,
    only: tuple[str, ...] = (),
    seed: int = 0,
) -> Report:
    """Judge a loss in this process and return the report, broken or not."""
    started = time.perf_counter()
    name = getattr(loss, "__qualname__", type(loss).__name__)
    report = Report(name)
    for event in session(_subject(loss, contract), name, only=only, seed=seed):
        report.what, report.assumed = event.get("what", report.what), event.get("assumed", report.assumed)
        if "line" in event:
            report.lines.append(event["line"])
    report.seconds = time.perf_counter() - started
    return report


def _subject(loss: Any, contract: Contract | None) -> Call | Divergence:  # noqa: ANN401 - as in ``check``
    if isinstance(loss, Divergence):
        return loss
    call: Call = adapt(loss) if _takes_given(loss) else Call(loss)
    if contract is None:
        return call
    if not _takes_given(loss):
        # the form is found out, the claim is not
        from sad.judge.discover import discover

        call = discover(call, 0).call
    return Divergence(contract, call)


def _takes_given(loss: Any) -> bool:  # noqa: ANN401 - as in ``check``
    try:
        names = list(inspect.signature(loss).parameters)
    except (TypeError, ValueError):
        return False
    return names == ["given"]
