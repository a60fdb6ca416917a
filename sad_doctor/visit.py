"""One visit to the doctor, when all that was asked is settled: logs are opened, judged and shown."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from sad_doctor.comparing import read
from sad_doctor.finding import Comparison, Level, Report
from sad_doctor.output import Unwritable, tell, written
from sad_doctor.readers import Source, Unreadable, several
from sad_doctor.run import Run
from sad_doctor.sanitize import LONGEST, sanitize
from sad_doctor.views.plain import line
from sad_doctor.watch import Watching

HEALTHY, RED_FLAGS, UNREADABLE, UNJUDGED = 0, 1, 2, 3

Judge = Callable[[Run], Report]


@dataclass(frozen=True)
class Visit:
    """What is done with each log.

    ``opened`` opens one under the names that were given. ``judge`` judges a run and sends word of red flags to whom it
    may concern, ``quiet`` to nobody; ``compare`` lays the run beside others. Findings of ``level`` and above are red
    flags. ``settings`` is the file that some of this came from. ``form`` is what goes to standard output, ``files``
    holds the path of a picture (``svg``) and of a page (``html``).
    """

    judge: Judge
    quiet: Judge
    compare: Callable[[Run], tuple[Comparison, ...]]
    level: Level
    opened: Callable[[str | Path], Source]
    watching: Watching
    settings: Path | None
    form: str
    files: Mapping[str, str | Path]

    def beside(self, run: Run) -> Report:
        """Judge a run, and lay it beside others."""
        return replace(self.judge(run), comparisons=self.compare(run))

    def reports(self, paths: Sequence[str | Path]) -> int:
        """Judge logs and write what was asked for, also of those behind one that cannot be read; then how they compare.

        Return the exit code that matters. Raises Unwritable.
        """
        judged: list[tuple[Run, Report]] = []
        codes = []
        for one in paths:
            try:
                codes.append(self._report(one, judged))
            except Unreadable as problem:
                codes.append(refuse(problem))
        if len(judged) > 1:
            from sad_doctor.views.side_by_side import show

            codes.append(_put(lambda: show(judged), apart=True))
        return worst(codes)

    def _report(self, one: str | Path, judged: list[tuple[Run, Report]]) -> int:
        """Judge a log, write its report apart from those ``judged`` before, and add it to them."""
        source = self.opened(one)
        whole = self.watching.follow(source, self.judge)
        run = _noted(read(source), self.settings)
        verdict = self.beside(run)
        if (svg := self.files.get("svg")) is not None:
            self._save("picture", svg, lambda: _picture(source, self.judge, svg))
        if (html := self.files.get("html")) is not None:
            self._save("page", html, lambda: _page(run, verdict, html))
        shown = HEALTHY if self.files and not self.form else _shown(run, verdict, self.form, apart=bool(judged))
        judged.append((run, verdict))
        return shown or exit_code(verdict, self.level) or (HEALTHY if whole else UNREADABLE)

    def dashboard(self, paths: Sequence[str | Path], speed: float | None, good: Sequence[Source]) -> int:
        """Show the dashboard until it is left; return the worst exit code of the runs that it showed."""
        self.watching.hold()
        gc.disable()  # until the first screen is painted: its libraries make many objects, and none of them is garbage
        try:
            from sad_doctor.views.tui.launch import launch

            found = several(paths[0]) if len(paths) == 1 else []
            sources = [] if found else [self.opened(path) for path in paths]
            shown = launch(
                sources,
                self.beside,
                glance=self.quiet,
                choices=found,
                opener=self.opened,
                speed=speed,
                beside=good,
            )
        finally:
            gc.enable()
        return worst(exit_code(verdict, self.level) for verdict in shown)

    def _save(self, what: str, path: str | Path, write: Callable[[], None]) -> None:
        """Write a file and say where, on standard error where standard output is a report. Raises Unwritable."""
        said = written(what, path, write)
        if self.form:
            tell(said)
            return
        if sys.stdout is None:
            return
        try:
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            _discard()
        except OSError as error:
            _discard()
            raise Unwritable(f"standard output cannot be written: {error.strerror or error}") from error


def exit_code(report: Report, fail_on: Level = Level.ERROR) -> int:
    """Return 1 for a finding of level ``fail_on`` or above or a crashed rule, 3 if no rule could judge, else 0."""
    if report.crashed or (report.worst is not None and report.worst >= fail_on):
        return RED_FLAGS
    return HEALTHY if report.judged else UNJUDGED


def worst(codes: Iterable[int]) -> int:
    """Of several exit codes the one that matters: what cannot be read, red flags, nothing to judge, healthy."""
    order = (UNREADABLE, RED_FLAGS, UNJUDGED, HEALTHY)
    return min(codes, key=order.index, default=UNJUDGED)


def refuse(problem: Exception) -> int:
    """Say in one line why nothing is shown; return the exit code."""
    tell(f"sad doctor: {line(problem, LONGEST)}")
    return UNREADABLE


def _shown(run: Run, verdict: Report, form: str, *, apart: bool) -> int:
    """Write the verdict to standard output, ``apart`` from one before it; 0, or 2 if it cannot be written."""

    def write() -> None:
        if form in ("", "report"):
            from sad_doctor.views.text import show

            show(run, verdict)
        else:
            # only the view that is asked for is loaded
            view = import_module(f"sad_doctor.views.{form}")
            sys.stdout.write(view.render(run, verdict))

    return _put(write, apart=apart)


def _put(write: Callable[[], None], *, apart: bool) -> int:
    """Let something be written to standard output, ``apart`` from what is before it; 0, or 2 if that cannot be.

    A reader that has gone away, such as ``head``, is no error, nor is an output that was closed from the start.
    """
    if sys.stdout is None:
        return HEALTHY
    try:
        if apart:
            sys.stdout.write("\n")
        write()
        sys.stdout.flush()
    except BrokenPipeError:
        _discard()
    except OSError as error:
        _discard()
        return refuse(OSError(f"standard output cannot be written: {error.strerror or error}"))
    return HEALTHY


def _noted(run: Run, file: Path | None) -> Run:
    return (
        run if file is None else replace(run, notes=(*run.notes, f"settings of the doctor from {sanitize(str(file))}"))
    )


def _page(run: Run, verdict: Report, path: str | Path) -> None:
    from sad_doctor.views.html import render

    Path(path).write_text(render(run, verdict), encoding="utf-8")


def _picture(source: Source, judge: Callable[[Run], Report], path: str | Path) -> None:
    from sad_doctor.views.tui.picture import save_picture

    save_picture(source, judge, path)


def _discard() -> None:
    """What is still in the buffer would be tried again at the end of the program, and fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
