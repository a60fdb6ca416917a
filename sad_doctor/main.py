"""The doctor's door: a path and how to show it, in; an exit code, out."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from sad_doctor.check import check
from sad_doctor.comparing import comparing, read
from sad_doctor.finding import Level
from sad_doctor.output import Unwritable, guard
from sad_doctor.page import markdown, rule_of
from sad_doctor.readers import Unreadable, open_log
from sad_doctor.readers.renamed import is_ours, named, nearest
from sad_doctor.settings import chosen, find, load, merged
from sad_doctor.settings import nearest as nearest_rule
from sad_doctor.visit import Visit, refuse
from sad_doctor.watch import Watching

FORMS = ("report", "json", "markdown", "sarif", "junit")
"""What can be written to standard output: each has a view of its own."""
FAIL_ON = {"error": Level.ERROR, "warn": Level.WARNING}


def run_doctor(
    path: str | Path | Sequence[str | Path],
    *,
    form: str = "",
    svg: str | Path | None = None,
    html: str | Path | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    thresholds: Mapping[str, Mapping[str, float]] | None = None,
    fail_on: str | None = None,
    names: Mapping[str, str] | None = None,
    total_steps: float | None = None,
    band: str | Path | None = None,
    baseline: str | Path | None = None,
    replay: str = "",
    watching: Watching | None = None,
) -> int:
    """Judge the log at ``path`` and show the verdict: the dashboard on a terminal, else the report.

    Several paths are compared in the dashboard; elsewhere they are reported one after the other, with a table of all at
    the end. The other views take one.
    ``replay``, such as ``20x``, plays finished runs in the dashboard.

    ``form`` is one of :data:`FORMS`. ``svg`` names a file for a picture of the dashboard, ``html`` one for a page;
    without a ``form`` nothing else is shown then. ``select`` and ``ignore`` take codes, their beginnings (``R2``) or
    names of rules. ``names`` says which column of the log is which of ours, ``total_steps`` how many steps the run
    will take, where the log does not tell. ``band`` is a name or a file, ``baseline`` a good run: the reports then
    have a section on each. What is not given is taken from a ``sad.toml``: see :mod:`sad_doctor.settings`.
    ``watching`` follows the log without the dashboard, or tells of red flags.

    Returns 0 for a healthy run; 1 for findings of level ``fail_on`` ("error" or "warn") and above, or for a rule that
    crashed; 2 if the log cannot be read or an argument is wrong (one line on standard error); 3 if nothing in the log
    can be judged.
    """
    watching = watching or Watching()
    try:
        paths = [path] if isinstance(path, str | Path) else list(path)
        files = bool(svg or html or watching.following or form not in ("", "report"))
        if not paths or (len(paths) > 1 and files):
            raise ValueError(f"{len(paths)} runs: this view takes one; several go to the dashboard or to --report")
        dashboard = not (form or files) and _interactive()
        _sane(paths, total_steps)
        speed = _speed(replay, dashboard, watching)
        told = load(find(paths[0]))
        rules = chosen(select or told.select, ignore or told.ignore)
        changed = merged(told.thresholds, thresholds or {})
        level = FAIL_ON.get(fail_on or told.fail_on)
        if level is None:
            raise ValueError(f"--fail-on {fail_on}: it is error or warn")
        guard(
            (("--svg", svg), ("--html", html)), (*paths, baseline, told.baseline_path, band, told.band_path, told.file)
        )
        compare, good = comparing(band, baseline, told)
    except (ValueError, Unreadable) as problem:
        return refuse(problem)
    mine = {code: values for code, values in changed.items() if any(rule.code == code for rule in rules)}
    quiet = partial(check, rules=rules, thresholds=mine)
    visit = Visit(
        judge=watching.judging(quiet, level),
        quiet=quiet,
        compare=compare,
        level=level,
        opened=lambda one: named(watching.opened(one), names or {}, total_steps),
        watching=watching,
        settings=told.file,
        form=form,
        files={name: path for name, path in (("svg", svg), ("html", html)) if path is not None},
    )
    try:
        if dashboard:
            return visit.dashboard(paths, speed, [] if good is None else [open_log(good)])
        return visit.reports(paths)
    except (Unreadable, Unwritable) as problem:
        return refuse(problem)


def _sane(paths: Sequence[str | Path], total_steps: float | None) -> None:
    """Raises ValueError for a name or a number that is none."""
    if not all(str(one) for one in paths):
        raise ValueError("the name of a run is empty: name a folder of `sad train`, or a log file")
    if total_steps is not None and not 0 < total_steps < math.inf:
        raise ValueError(f"--total-steps {total_steps:g}: it is a number of steps above 0")


def explain(code: str) -> str | None:
    """Return the page of the rule with this code or name as Markdown, or None if there is no such rule."""
    rule = rule_of(code)
    return None if rule is None else markdown(rule)


def explain_run(code: str, path: str | Path, thresholds: Mapping[str, Mapping[str, float]] | None = None) -> str:
    """Return the page of a rule with what it measured in the run at ``path``.

    Raises ValueError for a rule, a threshold or a setting that does not exist, and Unreadable.
    """
    from sad_doctor.explain import explained

    rule = rule_of(code)
    if rule is None:
        raise ValueError(f"no red flag {code}; {nearest_rule(code)}")
    changed = merged(load(find(path)).thresholds, thresholds or {})
    return explained(rule, read(open_log(path)), changed)


def renaming(texts: Iterable[str]) -> dict[str, str]:
    """Return the columns of ``theirs=ours`` texts. Raises ValueError, also for a name that is none of ours."""
    found: dict[str, str] = {}
    for text in texts:
        theirs, equals, ours = (part.strip() for part in text.rpartition("="))
        if not (equals and theirs and ours):
            raise ValueError(f"--map {text}: write it as theirs=ours, for example my_kl=train/raw/kd")
        if not is_ours(ours):
            raise ValueError(f"--map {text}: {ours} is none of the doctor's names; {nearest(ours)}")
        if ours in found.values():
            raise ValueError(f"--map {text}: another column is {ours} already: a column of ours takes one of theirs")
        found[theirs] = ours
    return found


def _interactive() -> bool:
    # the dashboard draws to standard error
    terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    return terminal and os.environ.get("TERM") not in ("dumb", "", None) and _spells("⣿", sys.stdout.encoding)


def _spells(sign: str, encoding: str | None) -> bool:
    """Whether a terminal of this encoding can show ``sign``; the charts of the dashboard are dots of Braille."""
    try:
        sign.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _speed(replay: str, dashboard: bool, watching: Watching) -> float | None:
    """Raises ValueError for what is no speed, where there is no dashboard to play in, or with word to be sent."""
    if not replay:
        return None
    from sad_doctor.views.tui.runs.replay import speed_of

    speed = speed_of(replay)
    if not dashboard:
        raise ValueError(f"--replay {replay}: it plays in the dashboard, which needs a terminal and no other view")
    if watching.notifies:
        raise ValueError("--replay plays a run that is over: nobody is told of its red flags; leave --notify out")
    return speed
