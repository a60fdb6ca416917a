"""`sad verify`: judges the catalogue and shows it, as a table on a terminal, as plain lines elsewhere, or as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sad import catalogue
from sad.verify_view import Lines, Marks, Rows, blame, closing
from sad_doctor.record import spell

if TYPE_CHECKING:
    from sad.case import Bug, Verdict
    from sad.verify import Outcome

SCHEMA = 1
"""Of the JSON: goes up when a key changes its meaning or goes away; new keys may come at any time."""

HOLDS, FAILS, STOPPED = 0, 1, 130


def run_verify(codes: Sequence[str], *, as_json: bool, as_list: bool) -> int:
    """Judge the bugs of ``codes`` (all, if none is given), each shown as soon as it is judged.

    Returns 0 if every check catches its bug and the code that trains is free of it, 1 if not, 130 if interrupted.
    With ``as_list`` nothing is judged: code, name and title. Raises UserError for an unknown code.
    """
    entries = catalogue.chosen(catalogue.entries(), codes)
    if as_list:
        return _list(entries, as_json=as_json)
    try:
        return _json(codes) if as_json else _shown(codes)
    except KeyboardInterrupt:
        print("sad verify: stopped", file=sys.stderr)  # noqa: T201 - beside the results, not among them
        return STOPPED


def _shown(codes: Sequence[str]) -> int:
    console = Console(highlight=False)
    marks = Marks.of(console.encoding)
    terminal = console.is_terminal
    with console.status("loading", spinner="line") if terminal else nullcontext() as status:
        bugs, whole = _load(codes)
        view = Rows(console, marks) if terminal else Lines(console, marks)
        view.start()
        outcomes = []
        for bug in bugs:
            if status is not None:
                status.update(f"{bug.code} {bug.name}")
            outcome = _judge(bug)
            view.outcome(outcome, details=bool(codes))
            outcomes.append(outcome)
    for line in closing(outcomes, marks, whole=whole):
        view.line(line)
    return HOLDS if all(outcome.good for outcome in outcomes) else FAILS


def _json(codes: Sequence[str]) -> int:
    started = time.perf_counter()
    bugs, whole = _load(codes)
    outcomes = [_judge(bug) for bug in bugs]
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


def _list(entries: Sequence[catalogue.Entry], *, as_json: bool) -> int:
    if as_json:
        bugs = [{"code": e.code, "name": e.name, "title": e.title, "invariants": list(e.invariants)} for e in entries]
        _write({"schema": SCHEMA, "bugs": bugs})
        return HOLDS
    widest = max(len(entry.name) for entry in entries)
    for entry in entries:
        sys.stdout.write(f"{entry.code}  {entry.name:{widest}}  {entry.title}\n")
    return HOLDS


def _load(codes: Sequence[str]) -> tuple[tuple[Bug, ...], bool]:
    """Import what judges; return the bugs, and whether they are all there are."""
    from sad.quiet import quiet_libraries

    quiet_libraries()
    import torch

    from sad import verify

    # tensors this small gain nothing from a second thread, and lose much where others use the cores
    torch.set_num_threads(1)

    bugs = verify.choose(codes)
    return bugs, bugs == verify.choose(())


def _judge(bug: Bug) -> Outcome:
    from sad import verify

    return next(iter(verify.run([bug])))


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
