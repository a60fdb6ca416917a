"""A comparison in few lines: one for each series, at the last place that both reach."""

from __future__ import annotations

from collections.abc import Iterator

from sad_doctor.finding import Comparison, Row

_ALIKE = frozenset({"alike", "within"})


def lines(comparison: Comparison) -> Iterator[str]:
    """Yield a line for each series, then the notes: last value, what was wanted, at how many places it lies so."""
    series: dict[str, list[Row]] = {}
    for row in comparison.rows:
        series.setdefault(row.what, []).append(row)
    for what, rows in series.items():
        last = rows[-1]
        yield f"{what}: {last.told} at {last.where}, there {last.wanted}; {_lies(rows)}"
    yield from comparison.notes


def _lies(rows: list[Row]) -> str:
    apart = [row.lies for row in rows if row.lies not in _ALIKE]
    if not apart:
        return f"{rows[-1].lies} at {len(rows)} of {len(rows)}"
    return ", ".join(f"{how} at {apart.count(how)} of {len(rows)}" for how in dict.fromkeys(apart))
