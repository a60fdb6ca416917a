"""`sad verify --loss`: judges someone's loss in a child process and shows, line by line, what was found."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sad.errors import UserError
from sad.judge.battery import chosen
from sad.judge.junit import write
from sad.judge.process import TIMEOUT, judge
from sad.judge.target import split
from sad.judge.view import View
from sad_doctor.record import spell

STOPPED = 130


def run_judge(
    loss: str | None,
    *,
    adapter: Path | None = None,
    timeout: float | None = None,
    only: Sequence[str] = (),
    junit: Path | None = None,
    as_json: bool = False,
    seed: int = 0,
) -> int:
    """Judge the loss that ``loss`` or ``adapter`` names, and show it.

    Returns 0 if nothing is broken, 1 if something is, 130 if interrupted. Raises UserError where it cannot be judged:
    no such module or name, or a way of calling it that cannot be told.
    """
    if loss is not None:
        split(loss)
    if adapter is not None and not adapter.is_file():
        raise UserError(f"--adapter: there is no file {adapter}")
    if timeout is not None and not timeout > 0:
        raise UserError(f"--timeout {timeout:g}: give seconds above 0")
    wanted = [word for one in only for word in one.split(",") if word.strip()]
    chosen(tuple(wanted))
    name = loss or str(adapter)
    request = {"loss": loss, "name": name, "only": wanted, "seed": seed}
    request |= {"adapter": str(adapter), "more": f" --adapter {adapter}"} if adapter else {}
    view = View(Console(highlight=False))
    try:
        report = judge(request, timeout=timeout or TIMEOUT, tell=(lambda _: None) if as_json else view.line)
    except KeyboardInterrupt:
        print("sad verify: stopped", file=sys.stderr)  # noqa: T201 - beside the results, not among them
        return STOPPED
    if junit is not None:
        write(report, junit)
    if as_json:
        sys.stdout.write(json.dumps(spell(report.document()), allow_nan=False, indent=1) + "\n")
    else:
        view.end(report)
    if report.code == 2:
        raise UserError(report.unjudged or f"{name}: no property was judged")
    return report.code
