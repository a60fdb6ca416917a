"""Which columns of a run go into which chart."""

from __future__ import annotations

from collections.abc import Mapping

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.sealed import sealed
from sad_doctor.views import palette
from sad_doctor.views.plain import line
from sad_doctor.views.series import Kind, Series

Overlay = tuple[str, Column, str]
"""Name, column and colour of a term to draw over the loss."""

_PLAIN, _TEACHER = "plain", "teacher"


@sealed(eq=False)
class Metric:
    """A choice for the second chart; ``column`` is the name of its first series' column."""

    title: str
    series: tuple[Series, ...]
    column: str = ""


_HELD_OUT: Mapping[str, tuple[str, str]] = {
    names.EVAL_PERPLEXITY: ("Perplexity", names.TEACHER_EVAL_PERPLEXITY),
    names.EVAL_BITS_PER_BYTE: ("Bits per byte", names.TEACHER_EVAL_BITS_PER_BYTE),
    names.EVAL_LM_LOSS: ("Held-out LM loss", names.TEACHER_EVAL_LM_LOSS),
    names.EVAL_KL: ("KL to the teacher", ""),
    names.EVAL_AGREEMENT: ("Top-1 agreement", ""),
}

_TRAINING: Mapping[str, str] = {
    names.GRAD_NORM: "Gradient norm",
    names.LEARNING_RATE: "Learning rate",
    names.UPDATE_RATIO: "Update ratio",
    names.TOKENS_PER_SECOND: "Tokens per second",
    names.COVERAGE: "Coverage",
    names.SKIPPED_STEPS: "Skipped steps",
    names.TEACHER_LOSS: "Teacher's LM loss",
    names.TEACHER_LABELS: "Labels the teacher has",
    names.TEACHER_ENTROPY: "Teacher's entropy",
}

_ELSEWHERE = {names.LOSS, names.EVAL_LOSS, names.EPOCH, *(t for _, t in _HELD_OUT.values())}


def inks(dark: bool) -> dict[str, str]:
    """Return the colours of what is no term: the total, held-out text, the teacher."""
    return {
        _PLAIN: "#e8ebf0" if dark else "#20242b",
        "held-out": palette.on_background(palette.HELD_OUT, dark),
        _TEACHER: "#8b95a5" if dark else "#6b7480",
    }


def loss(run: Run, dark: bool, term: Overlay | None = None) -> tuple[Series, ...]:
    """Return the series of the loss chart; ``term`` is drawn over them."""
    ink = inks(dark)
    found: list[Series] = []

    def add(name: str, column: str, colour: str, kind: Kind) -> None:
        if (values := run.get(column)) is not None:
            found.append(Series(name, values, ink[colour], kind))

    add("train", names.LOSS, _PLAIN, "line")
    add("held-out", names.EVAL_LOSS, "held-out", "points" if found else "line")
    if not found:
        add("held-out LM", names.EVAL_LM_LOSS, "held-out", "line")
    if not found:
        terms = run.terms(names.WEIGHTED) or run.terms(names.RAW)
        colours = palette.colours(terms, dark)
        found += [Series(line(t, 24), c, colours[t]) for t, c in terms.items()]
    if term is not None:
        found.append(Series(line(term[0], 24), term[1], term[2]))
    return tuple(found)


def choices(run: Run, dark: bool) -> list[Metric]:
    """Return what the second chart can show, the most telling first: held-out text, training, all other columns."""
    ink = inks(dark)
    found: list[Metric] = []
    for name, (title, teacher) in _HELD_OUT.items():
        series = []
        if (values := run.get(name)) is not None:
            series.append(Series("student", values, ink["held-out"]))
            if teacher and (level := run.get(teacher)) is not None:
                series.append(Series("teacher", level, ink[_TEACHER], "level"))
            found.append(Metric(title, tuple(series), name))
    for name, title in _TRAINING.items():
        if (values := run.get(name)) is not None:
            found.append(Metric(title, (Series(title.lower(), values, ink[_PLAIN]),), name))
    for name, values in run.columns.items():
        if len(values) and not _known(name):
            found.append(Metric(line(name, 40), (Series(line(name, 24), values, ink[_PLAIN]),), name))
    return found


def _known(name: str) -> bool:
    return name in _HELD_OUT or name in _TRAINING or name in _ELSEWHERE or names.term_of(name) is not None
