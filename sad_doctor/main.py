"""The doctor's door: a path and how to show it, in; an exit code, out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from sad_doctor.check import check
from sad_doctor.comparing import comparing, read
from sad_doctor.output import Unwritable, guard
from sad_doctor.page import markdown, rule_of
from sad_doctor.readers import Unreadable, open_log
from sad_doctor.readers.renamed import is_ours, named, nearest
from sad_doctor.request import Request
from sad_doctor.settings import chosen, find, load, merged
from sad_doctor.settings import nearest as nearest_rule
from sad_doctor.visit import Visit, refuse


def run_doctor(path: str | Path | Sequence[str | Path], asked: Request | None = None) -> int:
    """Judge the log at ``path`` and show the verdict: the dashboard on a terminal, else the report.

    Several paths are compared in the dashboard; elsewhere they are reported one after the other, with a table of all at
    the end. The other views take one.

    Returns 0 for a healthy run; 1 for findings of level ``fail_on`` ("error" or "warn") and above, or for a rule that
    crashed; 2 if the log cannot be read or what is asked is wrong (one line on standard error); 3 if nothing in the log
    can be judged.
    """
    paths, asked = [path] if isinstance(path, str | Path) else list(path), asked or Request()
    dashboard = not (asked.form or asked.one_log) and _interactive()
    try:
        asked.check(paths)
        speed = asked.speed(dashboard=dashboard)
        visit, good = _settled(paths, asked)
    except (ValueError, Unreadable) as problem:
        return refuse(problem)
    try:
        if dashboard:
            return visit.dashboard(paths, speed, [] if good is None else [open_log(good)])
        return visit.reports(paths)
    except (Unreadable, Unwritable) as problem:
        return refuse(problem)


def _settled(paths: Sequence[str | Path], asked: Request) -> tuple[Visit, Path | None]:
    """Return what is done with each log, and where the good run lies. Raises ValueError and Unreadable."""
    told, watching = load(find(paths[0])), asked.watching
    rules = chosen(asked.select or told.select, asked.ignore or told.ignore)
    changed = merged(told.thresholds, asked.thresholds)
    level = asked.level(told)
    others = (asked.baseline, told.baseline_path, asked.band, told.band_path, told.file)
    guard((("--svg", asked.svg), ("--html", asked.html)), (*paths, *others))
    mine = {code: values for code, values in changed.items() if any(rule.code == code for rule in rules)}
    quiet = partial(check, rules=rules, thresholds=mine)
    compare, good = comparing(asked.band, asked.baseline, told, asked.names, quiet)
    visit = Visit(
        judge=watching.judging(quiet, level),
        quiet=quiet,
        compare=compare,
        level=level,
        opened=lambda one: named(watching.opened(one), asked.names, asked.total_steps),
        watching=watching,
        settings=told.file,
        form=asked.form,
        files=asked.files,
    )
    return visit, good


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
