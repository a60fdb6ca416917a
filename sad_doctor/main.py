"""The doctor's door: a path and how to show it, in; an exit code, out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from sad_doctor.check import check, settings
from sad_doctor.finding import Level, Report
from sad_doctor.page import markdown, rule_of
from sad_doctor.readers import Source, Unreadable, open_log, settle
from sad_doctor.rule import Rule
from sad_doctor.rules import RULES
from sad_doctor.run import Run

HEALTHY, RED_FLAGS, UNREADABLE = 0, 1, 2


def run_doctor(
    path: str | Path,
    *,
    report: bool = False,
    json: bool = False,
    svg: str | Path | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    thresholds: Mapping[str, Mapping[str, float]] | None = None,
) -> int:
    """Judge the log at ``path`` and show the verdict: the dashboard on a terminal, else the report.

    ``svg`` names a file for a picture of the dashboard; without ``report`` or ``json`` nothing else is shown then.
    ``select`` and ``ignore`` take codes, their beginnings (``R2``) or names of rules. Returns 0 for a healthy run, 1
    for red flags of level error or for a rule that crashed, 2 if the log cannot be read, nothing in it can be judged,
    or an argument is wrong (one line on standard error). Warnings and hints are shown, and do not count.
    """
    if report and json:
        return _refuse(ValueError("--report and --json are two answers: give one of them"))
    try:
        rules = chosen(select, ignore)
        settings(rules, thresholds or {})
    except ValueError as problem:
        return _refuse(problem)
    judge = partial(check, rules=rules, thresholds=thresholds)
    try:
        source = open_log(path)
        if not (report or json or svg) and _interactive():
            return _dashboard(source, judge)
        source.poll()
        settle(source)
        run = source.run()
        if svg is not None:
            _picture(source, judge, svg)
    except (Unreadable, _Unwritable) as problem:
        return _refuse(problem)
    verdict = judge(run)
    if svg is not None and not (report or json):
        return exit_code(verdict)
    return _shown(run, verdict, json) or exit_code(verdict)


def exit_code(report: Report) -> int:
    """Return 1 for an error or a crashed rule, 2 if no rule could judge, else 0."""
    if report.worst == Level.ERROR or report.crashed:
        return RED_FLAGS
    return HEALTHY if report.passed or report.findings else UNREADABLE


def explain(code: str) -> str | None:
    """Return the page of the rule with this code or name as Markdown, or None if there is no such rule."""
    rule = rule_of(code)
    return None if rule is None else markdown(rule)


def chosen(select: Iterable[str], ignore: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of ``select`` (all, if empty) without those of ``ignore``; ValueError for an unknown one."""
    wanted, unwanted = ([_matching(key) for key in keys] for keys in (select, ignore))
    kept = set().union(*wanted) if wanted else {rule.code for rule in RULES}
    kept = kept.difference(*unwanted)
    return tuple(rule for rule in RULES if rule.code in kept)


def threshold(text: str) -> tuple[str, str, float]:
    """Split ``R203.share=0.9`` into rule, threshold and value. Raises ValueError."""
    key, equals, value = text.partition("=")
    rule, dot, name = key.partition(".")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not (equals and dot) or number != number:
        raise ValueError(f"--threshold {text}: write it as RULE.name=number, for example R203.share=0.9")
    return rule.strip(), name.strip(), number


def thresholds(texts: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return the thresholds of several :func:`threshold` texts by rule. Raises ValueError."""
    found: dict[str, dict[str, float]] = {}
    for text in texts:
        rule, name, value = threshold(text)
        found.setdefault(rule, {})[name] = value
    return found


def _matching(key: str) -> set[str]:
    found = {rule.code for rule in RULES if rule.name == key or (key and rule.code.startswith(key.upper()))}
    if not found:
        raise ValueError(f"no rule {key!r}; known: {', '.join(rule.code for rule in RULES)}")
    return found


def _interactive() -> bool:
    terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    return terminal and os.environ.get("TERM") not in ("dumb", "", None) and _spells("⣿", sys.stdout.encoding)


def _spells(sign: str, encoding: str | None) -> bool:
    """Whether a terminal of this encoding can show ``sign``; the charts of the dashboard are dots of Braille."""
    try:
        sign.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _dashboard(source: Source, judge: Callable[[Run], Report]) -> int:
    from sad_doctor.views.tui.app import DoctorApp

    DoctorApp(source, judge=judge).run()
    return exit_code(judge(source.run()))


class _Unwritable(Exception):  # noqa: N818 - a verdict on the place, not a fault of ours
    pass


def _picture(source: Source, judge: Callable[[Run], Report], path: str | Path) -> None:
    from sad_doctor.views.tui.picture import save_picture

    try:
        save_picture(source, judge, path)
    except OSError as error:
        raise _Unwritable(f"{path}: the picture cannot be written: {error.strerror or error}") from error


def _refuse(problem: Exception) -> int:
    print(f"sad doctor: {problem}", file=sys.stderr)  # noqa: T201 - the one line of a wrong use
    return UNREADABLE


def _shown(run: Run, verdict: Report, json: bool) -> int:
    """Write the verdict to standard output; 0, or 2 if it cannot be written.

    A reader that has gone away, such as ``head``, is no error, nor is an output that was closed from the start.
    """
    if sys.stdout is None:
        return HEALTHY
    try:
        if json:
            from sad_doctor.views.json import render

            sys.stdout.write(render(run, verdict))
        else:
            from sad_doctor.views.text import show

            show(run, verdict)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard()
    except OSError as error:
        _discard()
        return _refuse(OSError(f"standard output cannot be written: {error.strerror or error}"))
    return HEALTHY


def _discard() -> None:
    """What is still in the buffer would be tried again at the end of the program, and fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
