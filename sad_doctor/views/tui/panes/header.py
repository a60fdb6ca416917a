"""The head of the dashboard: which run, how far, how fresh, how bad."""

from __future__ import annotations

import math

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sad_doctor import names
from sad_doctor.finding import Report
from sad_doctor.run import Run
from sad_doctor.sealed import sealed
from sad_doctor.views import numerals
from sad_doctor.views.plain import line
from sad_doctor.views.tui.pages.counts import counts, unflagged
from sad_doctor.views.tui.painting.styled import styled
from sad_doctor.views.tui.runs.tempo import Tempo
from sad_doctor.words import capital

SILENT = 600.0
"""Seconds without a sign of life after which a running run is called silent."""
_SOONEST = 60.0
"""Seconds after which one is called so at the earliest, however quick its records came."""
_PAUSES = 10.0
"""Multiple of the run's longest pause after which it is called silent: it has never paused so long for an evaluation or
a checkpoint.
"""

_STATUS = {
    "running": ("●", "$success"),
    "finished": ("✔", "$success"),
    "interrupted": ("■", "$warning"),
    "crashed": ("✖", "$error"),
}

_FIGURES = (
    (names.LOSS, "loss"),
    (names.EVAL_LOSS, "held-out"),
    (names.EVAL_PERPLEXITY, "ppl"),
    (names.EVAL_BITS_PER_BYTE, "bits/byte"),
    (names.LEARNING_RATE, "lr"),
    (names.GRAD_NORM, "grad"),
    (names.TOKENS_PER_SECOND, "tok/s"),
)


@sealed(eq=False)
class Head:
    """What the header shows.

    ``last`` is the last step where it is known already, ``label`` a word for the mode, such as that of a replay,
    ``nameless`` what stands for the name of a run that is not known yet.
    """

    run: Run | None = None
    report: Report | None = None
    error: str = ""
    paused: bool = False
    now: float = 0.0
    opened: float = 1.0
    last: float | None = None
    tempo: Tempo = Tempo()
    label: str = ""
    nameless: str = "opening …"

    @property
    def step(self) -> float:
        """The last step; -1 for an empty run."""
        if self.last is None:
            return -1.0 if self.run is None else self.run.last_step
        return self.last

    @property
    def over(self) -> bool:
        """Whether the run says that it has ended."""
        return self.run is not None and self.run.facts.get(names.STATUS) in ("finished", "crashed", "interrupted")

    @property
    def silence(self) -> float | None:
        """Seconds since the last record or other sign of life; None where that is not known, as in a replay."""
        if self.label:  # a run of another day, that is only played
            return None
        beats = [self.tempo.last, None if self.run is None else self.run.fact(names.HEARTBEAT)]
        known = [beat for beat in beats if beat is not None]
        return max(self.now - max(known), 0.0) if known else None

    @property
    def silent(self) -> bool:
        """Whether the last sign of life is longer ago than the run has paused: one that was killed says nothing."""
        pause = self.tempo.pause
        patience = SILENT if pause is None else min(max(_PAUSES * pause, _SOONEST), SILENT)
        return (self.silence or 0.0) > patience


class Header(Widget):
    """Two lines, or one where there is little room."""

    head: reactive[Head] = reactive(Head(), init=False)

    def render(self) -> Content:
        """Return the lines that fit."""
        width = max(self.content_size.width, 1)
        lines = [first_line(self.head, width), second_line(self.head, width)]
        return Content("\n").join(lines[: max(self.content_size.height, 1)])


def first_line(head: Head, width: int) -> Content:
    """Return name and format on the left, verdict, status and mode on the right."""
    run = head.run
    name = styled(run.name, "bold $foreground") if run else Content.styled(head.nameless, "$text-muted")
    left = Content(" ") + Content.styled("◆ ", "$accent") + name
    right = Content("  ").join([p for p in (verdict(head), status(head), mode(head)) if p]) + Content(" ")
    if run and width - right.cell_length - left.cell_length > len(run.format) + 6:
        left = left + Content("  ") + styled(run.format, "$text-muted")
    return _between(left, right, width)


def second_line(head: Head, width: int) -> Content:
    """Return the progress on the left and the last figures on the right; an error takes the line for itself."""
    if head.error:
        return Content.assemble(" ", ("⚠ ", "$error"), (line(head.error), "$error")).truncate(width, ellipsis=True)
    run = head.run
    if run is None or head.step < 0:
        text = " waiting for the first step" if run else ""
        return Content.styled(text, "$text-muted").truncate(width, ellipsis=True)
    left = Content(" ") + progress(run, head.step, 24 if width >= 150 else (12 if width >= 110 else 0)) + pace(head)
    left = left + fault(head)
    figures = Content("")
    for name, label in _FIGURES:
        column = run.get(name)
        if column is None:
            continue
        style = "$foreground" if math.isfinite(column.last) else "bold $error"
        more = Content.assemble((f"{label} ", "$text-muted"), (numerals.full(column.last), style), "   ")
        if left.cell_length + figures.cell_length + more.cell_length + 2 > width:
            break
        figures = figures + more
    return _between(left, figures.right_crop(2) if figures else figures, width)


def progress(run: Run, last: float, bar: int) -> Content:
    """Return the last step, the total and the share done, with a bar of ``bar`` cells where the total is known."""
    total = run.fact(names.TOTAL_STEPS)
    step = Content.assemble((f"{run.unit} ", "$text-muted"), (numerals.step(last), "bold $foreground"))
    if not total or not math.isfinite(total) or total <= 0:
        return step
    share = min(max(last / total, 0.0), 1.0)
    step = step + Content.assemble((f" / {numerals.step(total)}", "$text-muted"))
    if bar:
        # half a cell is the least that a run which began shows, and what one that goes on lacks
        halves = min(max(round(2 * share * bar), share > 0), 2 * bar - (share < 1))
        full = "━" * (halves // 2) + "╸" * (halves % 2)
        step = step + Content.assemble("  ", (full, "$accent"), ("─" * (bar - len(full)), "$text-muted"))
    return step + Content.assemble("  ", (numerals.percent(share), "$foreground"))


def fault(head: Head) -> Content:
    """Return what of the run could not be read; empty where all could."""
    if head.report is None or not head.report.unread:
        return Content("")
    return Content.assemble("   ", ("⚠ ", "$warning"), (capital(line(head.report.unread, 300)), "$warning"))


def verdict(head: Head) -> Content:
    """Return how many findings of each level there are."""
    if head.report is None or head.run is None or head.step < 0:
        return Content("")
    parts = counts(head.report, "bold ")
    if not parts or head.report.little:
        parts.append(unflagged(head.report, "bold $success"))
    return Content(" ").join(parts)


def status(head: Head) -> Content:
    """Return the status of the run, with the age of its last record while it runs or does not tell."""
    if head.run is None:
        return Content("")
    word = line(head.run.facts.get(names.STATUS, "unknown"), 20)
    glyph, style = _STATUS.get(word, ("○", "$text-muted"))
    silent = head.silence
    if silent is None or word not in ("running", "unknown"):
        return Content.styled(f"{glyph} {'status unknown' if word == 'unknown' else word}", style)
    if word == "unknown":
        fresh = not head.silent
        return Content.styled(
            f"{'●' if fresh else '○'} last record {numerals.age(silent)} ago", "$success" if fresh else "$text-muted"
        )
    if head.silent:
        return Content.styled(f"○ silent for {numerals.age(silent)}", "bold $warning")
    return Content.styled(f"{glyph} {word}, {numerals.age(silent)} ago", style)


def mode(head: Head) -> Content:
    """Return whether the dashboard follows the log; nothing for a run that is over, or silent."""
    if head.paused:
        return Content.styled(" PAUSED ", "bold $background on $warning")
    if head.opened < 1:
        return Content.styled(f" opening {head.opened:.0%} ", "bold $background on $accent")
    if head.label:
        return Content.styled(f" {head.label} ", "bold $background on $accent")
    if head.run is None or head.over or head.silent:
        return Content("")
    return Content.styled(" LIVE ", "bold $background on $success")


def pace(head: Head) -> Content:
    """Return how fast the run goes and the time that is left, while it goes."""
    rate = head.tempo.rate
    if head.run is None or rate is None or head.over or head.silent:
        return Content("")
    if head.label and head.run.get(names.TIME) is None:  # what was watched is how fast it is played
        return Content("")
    told = Content.assemble(("   ", ""), (numerals.pace(rate), "$foreground"))
    left = head.tempo.left(head.step, head.run.fact(names.TOTAL_STEPS))
    return (
        told if left is None else told + Content.assemble(" · ", (f"{numerals.lasting(left)} left", "bold $foreground"))
    )


def _between(left: Content, right: Content, width: int) -> Content:
    room = width - right.cell_length - 1
    if room < min(12, left.cell_length):
        return left.truncate(width, ellipsis=True, pad=True)
    return left.truncate(room, ellipsis=True, pad=True) + Content(" ") + right
