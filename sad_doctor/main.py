"""The doctor's door: a path and how to show it, in; an exit code, out."""

from __future__ import annotations

import gc
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

from sad_doctor.check import check
from sad_doctor.clean import LONGEST, clean
from sad_doctor.comparing import comparing, read
from sad_doctor.finding import Comparison, Level, Report
from sad_doctor.output import Unwritable, guard, written
from sad_doctor.page import markdown, rule_of
from sad_doctor.readers import Source, Unreadable, open_log, several
from sad_doctor.readers.renamed import is_ours, named, nearest
from sad_doctor.run import Run
from sad_doctor.settings import chosen, find, load, merged
from sad_doctor.settings import nearest as nearest_rule
from sad_doctor.views.plain import line
from sad_doctor.watch import Watching

HEALTHY, RED_FLAGS, UNREADABLE, UNJUDGED = 0, 1, 2, 3
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

    Several paths are compared in the dashboard, and reported one after the other elsewhere; the other views take one.
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
        return _refuse(problem)
    mine = {code: values for code, values in changed.items() if any(rule.code == code for rule in rules)}
    quiet = partial(check, rules=rules, thresholds=mine)
    judge = watching.judging(quiet, level)

    def opened(one: str | Path) -> Source:
        return named(watching.opened(one), names or {}, total_steps)

    def reported(one: str | Path) -> int:
        source = opened(one)
        watching.follow(source, judge)
        run = _noted(read(source), told.file)
        verdict = _beside(judge, compare)(run)
        if svg is not None:
            _saved("picture", svg, lambda: _picture(source, judge, svg), form)
        if html is not None:
            _saved("page", html, lambda: _page(run, verdict, html), form)
        if (svg is not None or html is not None) and not form:
            return exit_code(verdict, level)
        return _shown(run, verdict, form, apart=one is not paths[0]) or exit_code(verdict, level)

    try:
        if dashboard:
            watching.hold()
            whole = _beside(judge, compare)
            shown = _dashboard(paths, opened, whole, quiet, speed, [] if good is None else [open_log(good)])
            return _worst(exit_code(verdict, level) for verdict in shown)
        return _worst([reported(one) for one in paths])
    except (Unreadable, Unwritable) as problem:
        return _refuse(problem)


def _sane(paths: Sequence[str | Path], total_steps: float | None) -> None:
    """Raises ValueError for a name or a number that is none."""
    if not all(str(one) for one in paths):
        raise ValueError("the name of a run is empty: name a folder of `sad train`, or a log file")
    if total_steps is not None and not 0 < total_steps < math.inf:
        raise ValueError(f"--total-steps {total_steps:g}: it is a number of steps above 0")


def _beside(
    judge: Callable[[Run], Report], compare: Callable[[Run], tuple[Comparison, ...]]
) -> Callable[[Run], Report]:
    return lambda run: replace(judge(run), comparisons=compare(run))


def _noted(run: Run, file: Path | None) -> Run:
    return run if file is None else replace(run, notes=(*run.notes, f"settings of the doctor from {clean(str(file))}"))


def exit_code(report: Report, fail_on: Level = Level.ERROR) -> int:
    """Return 1 for a finding of level ``fail_on`` or above or a crashed rule, 3 if no rule could judge, else 0."""
    if report.crashed or (report.worst is not None and report.worst >= fail_on):
        return RED_FLAGS
    return HEALTHY if report.judged else UNJUDGED


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
        raise ValueError(f"no rule {code}; {nearest_rule(code)}")
    changed = merged(load(find(path)).thresholds, thresholds or {})
    return explained(rule, read(open_log(path)), changed)


def renaming(texts: Iterable[str]) -> dict[str, str]:
    """Return the columns of ``theirs=ours`` texts. Raises ValueError, also for a name that is none of ours."""
    found: dict[str, str] = {}
    for text in texts:
        theirs, equals, ours = (part.strip() for part in text.partition("="))
        if not (equals and theirs and ours):
            raise ValueError(f"--map {text}: write it as theirs=ours, for example my_kl=train/raw/kd")
        if not is_ours(ours):
            raise ValueError(f"--map {text}: {ours} is none of the doctor's names; did you mean {nearest(ours)}?")
        if ours in found.values():
            raise ValueError(f"--map {text}: another column is {ours} already: a column of ours takes one of theirs")
        found[theirs] = ours
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


def _speed(replay: str, dashboard: bool, watching: Watching) -> float | None:
    """Raises ValueError for what is no speed, where there is no dashboard to play in, or with word to be sent."""
    if not replay:
        return None
    from sad_doctor.views.tui.replay import speed_of

    speed = speed_of(replay)
    if not dashboard:
        raise ValueError(f"--replay {replay}: it plays in the dashboard, which needs a terminal and no other view")
    if watching.notifies:
        raise ValueError("--replay plays a run that is over: nobody is told of its red flags; leave --notify out")
    return speed


def _dashboard(
    paths: Sequence[str | Path],
    opened: Callable[[str | Path], Source],
    judge: Callable[[Run], Report],
    glance: Callable[[Run], Report],
    speed: float | None,
    beside: Sequence[Source],
) -> list[Report]:
    gc.disable()  # until the first screen is painted: its libraries make many objects, and none of them is garbage
    try:
        from sad_doctor.views.tui.launch import launch

        found = several(paths[0]) if len(paths) == 1 else []
        sources = [] if found else [opened(path) for path in paths]
        return launch(sources, judge, glance=glance, choices=found, opener=opened, speed=speed, beside=beside)
    finally:
        gc.enable()


def _worst(codes: Iterable[int]) -> int:
    """Of several exit codes the one that matters: what cannot be read, red flags, nothing to judge, healthy."""
    order = (UNREADABLE, RED_FLAGS, UNJUDGED, HEALTHY)
    return min(codes, key=order.index, default=UNJUDGED)


def _saved(what: str, path: str | Path, write: Callable[[], None], form: str) -> None:
    """Write a file and say where, on standard error where standard output is a report. Raises Unwritable."""
    said = written(what, path, write)
    stream = sys.stderr if form else sys.stdout
    try:
        print(said, file=stream, flush=True)
    except BrokenPipeError:
        _discard()
    except OSError as error:
        _discard()
        raise Unwritable(f"standard output cannot be written: {error.strerror or error}") from error


def _page(run: Run, verdict: Report, path: str | Path) -> None:
    from sad_doctor.views.html import render

    Path(path).write_text(render(run, verdict), encoding="utf-8")


def _picture(source: Source, judge: Callable[[Run], Report], path: str | Path) -> None:
    from sad_doctor.views.tui.picture import save_picture

    save_picture(source, judge, path)


def _refuse(problem: Exception) -> int:
    print(f"sad doctor: {line(problem, LONGEST)}", file=sys.stderr)  # noqa: T201 - the one line of a wrong use
    return UNREADABLE


def _shown(run: Run, verdict: Report, form: str, apart: bool = False) -> int:
    """Write the verdict to standard output, ``apart`` from one before it; 0, or 2 if it cannot be written.

    A reader that has gone away, such as ``head``, is no error, nor is an output that was closed from the start.
    """
    if sys.stdout is None:
        return HEALTHY
    try:
        if apart:
            sys.stdout.write("\n")
        if form in ("", "report"):
            from sad_doctor.views.text import show

            show(run, verdict)
        else:
            # only the view that is asked for is loaded
            view = import_module(f"sad_doctor.views.{form}")
            sys.stdout.write(view.render(run, verdict))
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
