"""Charts of the HTML report: inline SVG that is whole without a script, and the numbers that a script reads from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np

from sad_doctor.record import spell
from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed
from sad_doctor.views import axis, numerals
from sad_doctor.views.series import Series

WIDTH, HEIGHT = 760, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 30, 10, 24
POINTS = 600
"""Pairs of lowest and highest value that are kept of a series: more than a chart has columns on a screen."""


@sealed
class Mark:
    """The first step of a finding, and its colour."""

    step: float
    colour: str
    title: str


def decimate(column: Column, most: int = POINTS) -> Column:
    """Return at most ``3 * most`` points: of each stretch the first, the lowest and the highest; so no spike is lost.

    What is not finite is kept, one a stretch, at its place.
    """
    step, value = column.step, column.value
    order = np.argsort(step, kind="stable")
    step, value = step[order], value[order]
    if step.size <= 3 * most:
        return Column(step, value)
    edges = np.linspace(0, step.size, most + 1).astype(np.int64)
    kept = set()
    for begin, end in pairwise(edges):
        part = value[begin:end]
        finite = np.isfinite(part)
        kept.add(int(begin) if finite.all() else int(begin + np.argmin(finite)))
        if finite.any():
            kept |= {int(begin + np.nanargmin(np.where(finite, part, np.nan)))}
            kept |= {int(begin + np.nanargmax(np.where(finite, part, np.nan)))}
    index = np.array(sorted(kept))
    return Column(step[index], value[index])


def chart(title: str, series: Sequence[Series], marks: Sequence[Mark] = (), may_log: bool = True) -> str:
    """Return a chart as HTML: a figure with its title, a legend of buttons and an SVG.

    The values may be on a log scale unless ``may_log`` is False.
    """
    shown = [(one, decimate(one.column)) for one in series if len(one.column)]
    columns = [column for _, column in shown]
    value = axis.values(columns)
    log = may_log and axis.wants_log(value)
    low, high = axis.extent(value, log)
    left, right = axis.span(columns)
    right = right if right > left else left + 1
    scale = _Scale(left, right, low, high, log, axis.between(columns))
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">']
    parts += _grid(scale)
    for mark in marks:
        if left <= mark.step <= right:
            x = scale.x(np.array([mark.step]))[0]
            parts.append(
                f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
                f'stroke="{mark.colour}"><title>{escape(mark.title)}</title></line>'
            )
    parts += [_line(number, one, column, scale) for number, (one, column) in enumerate(shown)]
    parts.append(f'<line class="cursor" x1="0" x2="0" y1="{TOP}" y2="{HEIGHT - BOTTOM}" visibility="hidden"/></svg>')
    legend = "".join(
        f'<button type="button" data-series="{number}"><i style="background:{one.colour}"></i>{escape(one.name)} '
        f"<b>{escape(_told(column))}</b></button>"
        for number, (one, column) in enumerate(shown)
    )
    scaling = " · log scale" if log else ""
    return (
        f'<figure class="chart" data-chart="{escape(_data(shown, scale), quote=True)}">'
        f"<figcaption>{escape(title)}<small>{scaling}</small></figcaption>{''.join(parts)}"
        f'<div class="legend">{legend}<span class="at"></span></div></figure>'
    )


@sealed
class _Scale:
    left: float
    right: float
    low: float
    high: float
    log: bool
    least: float

    def x(self, step: Floats) -> Floats:
        share = (step - self.left) / (self.right - self.left)
        return np.asarray(LEFT + share * (WIDTH - LEFT - RIGHT))

    def y(self, value: Floats) -> Floats:
        low, high = (np.log(self.low), np.log(self.high)) if self.log else (self.low, self.high)
        with np.errstate(all="ignore"):
            told = np.log(value) if self.log else value
            share = (told / 2 - low / 2) / (high / 2 - low / 2)
        return np.asarray(HEIGHT - BOTTOM - np.clip(share, 0, 1) * (HEIGHT - TOP - BOTTOM))


def _grid(scale: _Scale) -> list[str]:
    parts = []
    levels = axis.ticks(scale.low, scale.high, 5, scale.log)
    for value, label in zip(levels, numerals.labels(levels), strict=True):
        y = scale.y(np.array([value]))[0]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="value" x="{LEFT - 6}" y="{y + 4:.1f}">{escape(label)}</text>')
    for step in axis.ticks(scale.left, scale.right, 6, least=scale.least):
        x = scale.x(np.array([step]))[0]
        parts.append(f'<text class="step" x="{x:.1f}" y="{HEIGHT - 6}">{escape(numerals.step(step))}</text>')
    return parts


def _line(number: int, one: Series, column: Column, scale: _Scale) -> str:
    """A polyline for each stretch that is finite, a dot where one stands alone, a cross for what is not finite."""
    good = np.isfinite(column.value) & ((column.value > 0) if scale.log else True)
    x, y = scale.x(column.step), scale.y(np.where(good, column.value, scale.low))
    parts = [f'<g data-series="{number}" style="stroke:{one.colour};fill:{one.colour}">']
    if one.kind == "level" and good.any():
        last = y[good][-1]
        parts.append(f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{last:.1f}" y2="{last:.1f}"/>')
        return "".join([*parts, "</g>"])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[begin:end], y[begin:end], strict=True))
        if end - begin > 1 and one.kind == "line":
            parts.append(f'<polyline points="{points}"/>')
        if end - begin == 1 or one.kind == "points" or end - begin <= 12:
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in zip(x[begin:end], y[begin:end])]  # noqa: B905
    odd = np.flatnonzero(~np.isfinite(column.value))
    parts += [f'<text class="odd" x="{x[at]:.1f}" y="{TOP + 10}">×</text>' for at in odd[:200]]
    return "".join([*parts, "</g>"])


def _told(column: Column) -> str:
    last = float(column.value[-1])
    return numerals.full(last) if np.isfinite(last) else str(last)


def _data(shown: Sequence[tuple[Series, Column]], scale: _Scale) -> str:
    """What the script needs to say a value under the pointer and to draw a part of the steps larger."""
    return json.dumps(
        {
            "x": [LEFT, WIDTH - RIGHT, scale.left, scale.right],
            "y": [HEIGHT - BOTTOM, TOP, scale.low, scale.high, int(scale.log)],
            "series": [
                {"name": one.name, "step": column.step.tolist(), "value": [spell(v) for v in column.value.tolist()]}
                for one, column in shown
            ],
        },
        separators=(",", ":"),
    )
