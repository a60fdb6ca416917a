"""Several runs beside each other: their lines in one chart, their last figures in one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.content import Content

from sad_doctor import names
from sad_doctor.finding import Report
from sad_doctor.sealed import sealed
from sad_doctor.views import numerals, palette
from sad_doctor.views.plain import line
from sad_doctor.views.series import Series
from sad_doctor.views.tui.pages.counts import counts, unflagged
from sad_doctor.views.tui.pages.prose import Page, Paragraph
from sad_doctor.views.tui.painting.styled import styled
from sad_doctor.views.tui.runs.snapshot import Snapshot

_COLOURS = (palette.SKY, palette.VERMILLION, palette.GREEN, palette.PURPLE, palette.ORANGE, palette.BLUE)
_FIGURES = (
    (names.LOSS, "loss"),
    (names.EVAL_LOSS, "held-out"),
    (names.EVAL_LM_LOSS, "held-out LM"),
    (names.EVAL_PERPLEXITY, "ppl"),
    (names.EVAL_BITS_PER_BYTE, "bits/byte"),
    (names.TOKENS_PER_SECOND, "tok/s"),
)


@sealed(eq=False)
class Rival:
    """Another run of those that were opened: its name among them, its colour, what is known of it, its letter."""

    name: str
    colour: str
    snapshot: Snapshot
    mark: str = ""


@sealed
class Own:
    """What the run in front is called among the others, and its letter; nothing where it is alone."""

    name: str = ""
    mark: str = ""


def labels(shown: Sequence[str]) -> list[str]:
    """Return a name for each run that tells it from the others: where two are called the same, with its number."""
    every = [line(name, 24) or "run" for name in shown]
    return [name if every.count(name) == 1 else f"{name[:20]} #{n}" for n, name in enumerate(every, 1)]


def colour(number: int, dark: bool) -> str:
    """Return the colour of a run by its place in the list of those that are not in front."""
    return palette.on_background(_COLOURS[number % len(_COLOURS)], dark)


def against(series: Sequence[Series], column: str, own: Own, rivals: Sequence[Rival]) -> tuple[Series, ...]:
    """Return the series of a chart with the same column of the other runs; the first is called as ``own``."""
    if not rivals or not series:
        return tuple(series)
    others = [
        Series(r.name, values, r.colour, series[0].kind, r.mark)
        for r in rivals
        if (values := r.snapshot.run.get(column)) is not None
    ]
    return (replace(series[0], name=own.name, mark=own.mark), *others, *series[1:])


def together(snapshot: Snapshot, rivals: Sequence[Rival]) -> tuple[Rival, ...]:
    """Return the runs that a run can be drawn beside: one that counts epochs has no place on an axis of steps."""
    return tuple(rival for rival in rivals if rival.snapshot.run.unit == snapshot.run.unit)


def flags(report: Report) -> Content:
    """Return how many findings of each level a report has."""
    found = counts(report)
    if not found or report.little:
        found.append(unflagged(report, "$success"))
    return Content(" ").join(found)


def told(snapshots: Sequence[Snapshot | None], front: int = 0) -> list[str]:
    """Return how far each run is, and its last figures, in columns: what a run lacks is left free.

    At the end stands why a run is not drawn beside that in ``front``.
    """
    units = {s.run.unit for s in snapshots if s is not None}
    mixed = len(units) > 1
    every: list[tuple[str, list[str]]] = [
        ("last" if mixed else next(iter(units), "step"), ["" if s is None else _reached(s, mixed) for s in snapshots])
    ]
    for name, label in _FIGURES:
        found = [None if s is None else s.run.get(name) for s in snapshots]
        every.append((label, ["" if column is None else numerals.full(column.last) for column in found]))
    before = snapshots[front] if snapshots else None
    every.append(("", [_apart(before, s) for s in snapshots]))
    columns = []
    for label, figures in every:
        wide = max(map(len, figures), default=0)
        # one word each, so that a narrow list breaks all rows at the same places
        columns.append(
            [f"{label} {f:>{wide}}".lstrip() if f else " " * (len(label) + 1 + wide) for f in figures] if wide else []
        )
    rows = zip(*(column for column in columns if column), strict=True)
    return ["  ".join(cell.replace(" ", "\u00a0") for cell in row).rstrip() for row in rows]


def _reached(one: Snapshot, mixed: bool) -> str:
    last = numerals.step(one.last) if one.last >= 0 else "–"
    return f"{one.run.unit} {last}" if mixed else last


def _apart(front: Snapshot | None, one: Snapshot | None) -> str:
    if front is None or one is None or front.run.unit == one.run.unit:
        return ""
    return f"not drawn: it counts {one.run.unit}s"


def run_row(snapshot: Snapshot | None, name: str, ink: str, figures: str, *, in_front: bool, mark: str = "━") -> Page:
    """Return the row of a run in the list: colour or letter, name, verdict and ``figures``."""
    sign = Content.styled("▶ " if in_front else "  ", "$accent") + Content.styled(f"{mark} ", ink)
    if snapshot is None:
        return [Paragraph(styled(name, "$foreground") + Content.styled("  opening …", "$text-muted"), sign)]
    return [
        Paragraph(styled(name, "bold $foreground") + Content("  ") + flags(snapshot.report), sign),
        Paragraph(Content.styled(figures, "$text-muted"), Content("    ")),
    ]
