"""`sad verify`: judges the catalogue and shows it, as a table on a terminal, as plain lines elsewhere, or as JSON."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sad import catalogue
from sad.verify.view import CATCHES, SILENT, Lines, Marks, Rows, Waiting, blame, closing, spells
from sad_doctor.record import spell

if TYPE_CHECKING:
    from sad.bug import Bug
    from sad.verdict import Verdict
    from sad.verify.battery import Outcome

SCHEMA = 1
"""Of the JSON: goes up when a key changes its meaning or goes away; new keys may come at any time."""

HOLDS, FAILS, STOPPED = 0, 1, 130
MOST = 8
"""Processes beyond which the imports of each cost more than they save."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be judged: the bugs of ``codes``, else the core, else ``everything``, in ``jobs`` processes."""

    codes: Sequence[str] = ()
    everything: bool = False
    jobs: int = 1


def cores() -> int:
    """Return how many processes to judge in: one a processor that this process may use, and not more than pay."""
    return min(MOST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def run_verify(wanted: Wanted, *, as_json: bool = False, as_list: bool = False, as_matrix: bool = False) -> int:
    """Judge bugs, each shown as soon as it is judged.

    Returns 0 if every check catches its bug and the code that trains is free of it, 1 if not, 130 if interrupted.
    With ``as_list`` nothing is judged: code, name and title. With ``as_matrix`` the bugs are set against the
    properties, and 1 is returned also where a property catches nothing. Raises UserError for an unknown code.
    """
    entries = catalogue.chosen(catalogue.entries(), wanted.codes)
    if as_list:
        return _list(entries, as_json=as_json)
    try:
        if as_matrix:
            return _matrix(wanted, as_json=as_json)
        return _json(wanted) if as_json else _shown(wanted)
    except KeyboardInterrupt:
        print("sad verify: stopped", file=sys.stderr)  # noqa: T201 - beside the results, not among them
        return STOPPED


def _shown(wanted: Wanted) -> int:
    console = Console(highlight=False)
    marks = Marks.of(console.encoding)
    with Waiting(console) as waiting:
        bugs, whole = _load(wanted)
        view = Rows(console, marks) if console.is_terminal else Lines(console, marks)
        view.start()
        outcomes = []
        for outcome in waiting.over(bugs, _judged(bugs, wanted.jobs)):
            view.outcome(outcome, details=bool(wanted.codes))
            outcomes.append(outcome)
    for line in closing(outcomes, marks, whole=whole):
        view.line(line)
    return HOLDS if all(outcome.good for outcome in outcomes) else FAILS


def _json(wanted: Wanted) -> int:
    started = time.perf_counter()
    bugs, whole = _load(wanted)
    outcomes = list(_judged(bugs, wanted.jobs))
    good = all(outcome.good for outcome in outcomes)
    _write(
        {
            "schema": SCHEMA,
            "status": "verified" if good else "failed",
            "all": whole,
            "seconds": time.perf_counter() - started,
            "bugs": [_outcome(outcome) for outcome in outcomes],
        }
    )
    return HOLDS if good else FAILS


def _matrix(wanted: Wanted, *, as_json: bool) -> int:
    """Set bugs against properties: those of the codes, else all."""
    from sad.verify.matrix import lines, matrix

    console = Console(highlight=False)
    with Waiting(console, shown=not as_json) as waiting:
        bugs, whole = _load(replace(wanted, everything=True))
        outcomes = list(waiting.over(bugs, _judged(bugs, wanted.jobs)))
    found = matrix(outcomes)
    if as_json:
        _write({"schema": SCHEMA, "bugs": found.cells, "uncaught": found.uncaught, "idle": found.idle if whole else []})
    else:
        names = {outcome.bug.code: outcome.bug.name for outcome in outcomes}
        plain = not spells(console.encoding, CATCHES + SILENT)
        for line in lines(found, names, whole=whole, plain=plain):
            Lines(console, Marks.of(console.encoding)).line(line)
    return FAILS if found.uncaught or (whole and found.idle) else HOLDS


def _list(entries: Sequence[catalogue.Entry], *, as_json: bool) -> int:
    if as_json:
        bugs = [{"code": e.code, "name": e.name, "title": e.title, "invariants": list(e.invariants)} for e in entries]
        _write({"schema": SCHEMA, "bugs": bugs})
        return HOLDS
    widest = max(len(entry.name) for entry in entries)
    for entry in entries:
        sys.stdout.write(f"{entry.code}  {entry.name:{widest}}  {entry.title}\n")
    return HOLDS


def _load(wanted: Wanted) -> tuple[tuple[Bug, ...], bool]:
    """Import what judges; return the bugs, and whether they are all of the core, or all there are."""
    from sad.quiet import quiet_libraries

    quiet_libraries()
    import torch

    from sad.verify import battery

    # some of what is judged collects garbage: what was imported is none
    gc.freeze()
    # tensors this small gain nothing from a second thread, and lose much where others use the cores
    torch.set_num_threads(1)

    bugs = battery.choose(wanted.codes, everything=wanted.everything)
    return bugs, bugs in (battery.choose(()), battery.choose((), everything=True))


def _judged(bugs: Sequence[Bug], jobs: int) -> Iterator[Outcome]:
    from sad.verify import battery
    from sad.verify.parallel import run_parallel

    return run_parallel(bugs, jobs) if min(jobs, len(bugs)) > 1 else battery.run(bugs)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    bug = outcome.bug
    names = [getattr(invariant, "__name__", "?") for invariant in bug.invariants]

    def told(judged: Sequence[Verdict]) -> list[dict[str, Any]]:
        return [
            {"invariant": name, "holds": verdict.holds, "says": verdict.says, "numbers": dict(verdict.numbers)}
            for name, verdict in zip(names, judged, strict=True)
        ]

    return {
        "code": bug.code,
        "name": bug.name,
        "title": bug.title,
        "issue": bug.issue,
        "good": outcome.good,
        "caught": outcome.caught,
        "absent": outcome.absent,
        "blame": list(blame(outcome)),
        "seconds": outcome.seconds,
        "reproduced": told(outcome.reproduced),
        "attempts": {name: told(judged) for name, judged in outcome.attempts.items()},
        "variants": {name: told(judged) for name, judged in outcome.variants.items()},
        "fixed": told(outcome.fixed),
    }


def _write(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(spell(document), allow_nan=False, indent=1) + "\n")
