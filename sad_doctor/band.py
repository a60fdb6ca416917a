"""A run beside a band: between which values its series should lie at which part of its way.

A band is a table of the doctor's own, by name, or a TOML file::

    title = "our usual run"
    [["train/loss"]]
    at = [0.0, 0.5, 1.0]        # parts of the planned steps
    low = [12, 7, 4]
    high = [15, 10, 7]

All its series are losses: below the band is better, never a fault.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sad_doctor import bounded, names, signals, words
from sad_doctor.finding import Comparison, Row
from sad_doctor.run import Column, Run
from sad_doctor.sealed import sealed
from sad_doctor.settings import meant
from sad_doctor.signals.middle import median

NEAR = 0.025
"""Records within this share of the planned steps stand for a point of the band."""


@sealed
class Track:
    """A series of a band: at ``at[i]`` of the planned steps it lies between ``low[i]`` and ``high[i]``."""

    column: str
    at: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@sealed
class Band:
    """A name for people, and the series."""

    title: str
    tracks: tuple[Track, ...]


_AT = (0.0, 0.2, 0.5, 0.8, 1.0)
BANDS: Mapping[str, Band] = {
    "seed": Band(
        "the trajectory that the seed project wanted",
        (
            Track(names.LOSS, _AT, (12, 9, 7, 5, 4), (15, 12, 10, 8, 7)),
            Track(names.WEIGHTED + names.LAYERWISE, _AT, (0.8, 0.3, 0.1, 0.05, 0.03), (1.2, 0.6, 0.3, 0.15, 0.1)),
            # "about 1,000": half as much again is still about
            Track(names.EVAL_PERPLEXITY, _AT, (667, 267, 133, 67, 33), (1500, 600, 300, 150, 75)),
        ),
    )
}
"""The seed project's table: total and layerwise as ranges, the perplexity as about 1,000, 400, 200, 100, 50."""


def band_of(text: str | Path) -> Band:
    """Return the band of a name or a file. Raises ValueError, in one line."""
    if str(text) in BANDS:
        return BANDS[str(text)]
    path = Path(text)
    if not os.path.isfile(path):
        raise ValueError(f"--band {text}: no band and no file; {meant(str(text), BANDS)}")
    try:
        told = bounded.toml_of(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"--band {text}: cannot be read: {reason}; mend it, or name another file") from None
    try:
        title = str(told.pop("title", path.stem))
        tracks = tuple(_track(column, one) for column, table in told.items() for one in _tables(column, table))
    except ValueError as error:
        raise ValueError(f"--band {text}: {error}") from None
    if not tracks:
        raise ValueError(f'--band {text}: it has no series; write one as [["train/loss"]] with at, low and high')
    return Band(title, tracks)


def _tables(column: str, table: object) -> list[Mapping[str, object]]:
    found: list[Mapping[str, object]] = []
    for one in table if isinstance(table, list) else [table]:
        if not isinstance(one, dict):
            raise ValueError(f"{column} must be a table with at, low and high")
        found.append(one)
    return found


def _track(column: str, table: Mapping[str, object]) -> Track:
    lists = {key: _numbers(column, key, table.get(key)) for key in ("at", "low", "high")}
    if unknown := [key for key in table if key not in lists]:
        raise ValueError(f"{column} has no {unknown[0]}; {meant(unknown[0], lists)}")
    if len({len(values) for values in lists.values()}) > 1:
        raise ValueError(f"{column}: at, low and high must be equally long")
    if any(low > high for low, high in zip(lists["low"], lists["high"], strict=True)):
        raise ValueError(f"{column}: a low is above its high: exchange them")
    return Track(column, lists["at"], lists["low"], lists["high"])


def _numbers(column: str, key: str, value: object) -> tuple[float, ...]:
    listed = value if isinstance(value, list) else []
    numbers = [float(v) for v in listed if isinstance(v, int | float) and math.isfinite(v)]
    if not numbers or len(numbers) != len(listed):
        raise ValueError(f"{column}: {key} must be a list of finite numbers")
    return tuple(numbers)


def beside(run: Run, band: Band) -> Comparison:
    """Return how ``run`` lies to ``band`` at each point that it has reached."""
    total = run.fact(names.TOTAL_STEPS)
    planned = total is not None and math.isfinite(total) and total > 0
    length = total if planned and total is not None else max(run.last_step, 1.0)
    rows, missing = [], []
    for track in band.tracks:
        column = _column(run, track.column)
        if column is None or not len(known := signals.finite(signals.tidy(column))):
            missing.append(track.column)
            continue
        rows += _rows(track, known, length)
    notes = [] if planned else ["The log does not tell how long the run will be: its last step stands for the end"]
    notes += [f"Not in the log: {words.listing(missing)}"] if missing else []
    return Comparison(f"Beside {band.title}", _headline(rows), tuple(rows), tuple(notes))


def _column(run: Run, name: str) -> Column | None:
    if name.startswith(names.WEIGHTED):
        return signals.parts(run).terms.get(name.removeprefix(names.WEIGHTED))
    return run.get(name)


def _rows(track: Track, known: Column, length: float) -> list[Row]:
    rows = []
    for at, low, high in zip(track.at, track.low, track.high, strict=True):
        near = np.abs(known.step / length - at) <= NEAR
        if not near.any():
            continue
        value = float(median(known.value[near]))
        lies = "above" if value > high else "below" if value < low else "within"
        wanted = f"{words.number(low)} to {words.number(high)}"
        rows.append(Row(words.called(track.column), f"{at:.0%}", value, words.number(value), wanted, lies))
    return rows


def _headline(rows: Sequence[Row]) -> str:
    above = [row for row in rows if row.lies == "above"]
    if not rows:
        return "No series of the band was logged where the band has a point."
    if not above:
        return f"Nowhere above the band, at {words.counted(len(rows), 'point')}."
    last = above[-1]
    return (
        f"Above the band at {len(above)} of {words.counted(len(rows), 'point')}: {last.what} is "
        f"{last.told} at {last.where} of the way, wanted {last.wanted}."
    )
