"""What a log can show at all: whether it lies outside of all healthy logs, of its own setting or of any.

Every column, and every pair of columns, is put into a few numbers that no unit and no constant weight changes. A log
that the doctor judged wrongly is of one of three classes:

- ``like a sound run``: no number lies outside of the healthy runs of the same setting, which differ in their seeds;
- ``beside a twin``: one does, and lies within those of healthy runs of other settings: a good run beside it tells;
- ``alone``: one lies outside of the healthy runs of every setting: a rule could tell.

How far outside counts is calibrated: so far that of healthy logs, each held against the others, few are outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run

LIKE, TWIN, ALONE = "like a sound run", "beside a twin", "alone"
BLOCKS = 8
_LEAST = 12
ENOUGH = 12
"""Healthy logs that must have a number of those of all settings; of twins half."""
_LEFT_OUT = (names.EPOCH, names.TIME, names.WEIGHTED, names.EVAL_WEIGHTED, names.TOKENS, "train/seconds/", "eval_")
"""What follows from others, or tells of the machine at an evaluation."""
_ABSENT = 1e3
"""What stands for an infinite logarithm: a column that is 0, or is there in one of two logs only."""

Numbers = dict[str, float]


def numbers(run: Run) -> Numbers:
    """Return what can be compared, by a name that says of which columns: without a dimension but for the levels."""
    found: Numbers = {}
    blocks: dict[str, Floats] = {}
    for name, column in sorted(run.columns.items()):
        if name.startswith(_LEFT_OUT) or len(column) < 2:
            continue
        found.update({f"{name}: {what}": value for what, value in _alone(column)})
        if len(column) >= BLOCKS // 2:
            blocks[name] = _blocks(column, run.first_step, run.last_step)
    for one, other in combinations(blocks, 2):
        pair = dict(_together(blocks[one], blocks[other]))
        pair |= dict(_noise_of_both(run.columns[one], run.columns[other]))
        found.update({f"{one} and {other}: {what}": value for what, value in pair.items()})
    return {name: float(np.clip(np.nan_to_num(value, nan=_ABSENT), -_ABSENT, _ABSENT)) for name, value in found.items()}


def _alone(column: Column) -> Iterator[tuple[str, float]]:
    value = column.value
    known = value[np.isfinite(value)]
    yield "share that is not finite", 1 - known.size / value.size
    yield "share that is 0 or below", float(np.mean(known <= 0)) if known.size else 1.0
    if known.size < 2:
        return
    width = max(known.size // 6, 1)
    first, last = float(np.median(known[: min(3, width)])), float(np.median(known[-width:]))
    yield "first", _log(first)
    yield "last", _log(last)
    yield "largest over first", _log(float(known.max()) / first) if first else _ABSENT
    yield "lowest over first", _log(float(known.min()) / first) if first else _ABSENT
    yield "last over first", _log(last / first) if first else _ABSENT
    yield "share that comes again", 1 - np.unique(known).size / known.size
    if known.size < _LEAST:
        return
    bend = np.diff(known, 2)
    middle = float(np.median(np.abs(bend)))
    yield "noise", _log(middle / abs(float(np.median(known)))) if np.median(known) else _ABSENT
    half = bend.size // 2
    early, late = (_log(float(np.median(np.abs(part)))) for part in (bend[:half], bend[half:]))
    yield "late noise over early", late - early
    yield "largest leap over noise", _log(float(np.abs(np.diff(known)).max()) / middle) if middle else _ABSENT
    yield "noise after noise", _correlation(bend[:-3], bend[3:])
    done = (first - known) / (first - last) if first != last else np.zeros(known.size)
    yield "half way at", float(np.argmax(np.append(done >= 0.5, True))) / known.size
    yield "nine tenths at", float(np.argmax(np.append(done >= 0.9, True))) / known.size


def _together(one: Floats, other: Floats) -> Iterator[tuple[str, float]]:
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 3:
        return
    a, b = one[both], other[both]
    ratio = np.array([_log(x / y) if y else _ABSENT for x, y in zip(a, b, strict=True)])
    yield "first ratio", float(ratio[0])
    yield "last ratio", float(ratio[-1])
    yield "drift of the ratio", float(ratio[-1] - ratio[0])
    yield "largest ratio over the lowest", float(ratio.max() - ratio.min())
    if a[0] != a[-1] and b[0] != b[-1]:
        ahead = (a[0] - a) / (a[0] - a[-1]) - (b[0] - b) / (b[0] - b[-1])
        yield "share of its fall ahead", float(ahead[np.argmax(np.abs(ahead))])


def _noise_of_both(one: Column, other: Column) -> Iterator[tuple[str, float]]:
    _, here, there = np.intersect1d(one.step, other.step, return_indices=True)
    a, b = one.value[here], other.value[there]
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() >= _LEAST:
        yield "correlation of the noise", _correlation(np.diff(a[known], 2), np.diff(b[known], 2))


def _blocks(column: Column, first: float, last: float) -> Floats:
    """Medians of equal parts of the run, float64 [BLOCKS]; NaN where a part has no record."""
    place = np.clip(((column.step - first) / max(last - first, 1e-9) * BLOCKS).astype(int), 0, BLOCKS - 1)
    known = np.isfinite(column.value)
    parts = [column.value[known & (place == part)] for part in range(BLOCKS)]
    return np.array([float(np.median(part)) if part.size else np.nan for part in parts])


def _log(value: float) -> float:
    return float(np.log(value)) if value > 0 else -_ABSENT


def _correlation(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else 0.0


def outside(of: Numbers, healthy: Sequence[Numbers], floor: float = 0.02) -> list[tuple[float, str]]:
    """Return how far each number lies outside of all healthy ones, in their range, the farthest first.

    ``floor`` is the least range, as a logarithm or a share: what printed digits and one record more or less make.
    """
    found: list[tuple[float, str]] = []
    for name, value in of.items():
        others = [one[name] for one in healthy if name in one]
        if len(others) < min(max(len(healthy) // 2, 3), ENOUGH):
            continue  # of a column that few healthy logs have nothing is known
        low, high = min(others), max(others)
        beyond = max(low - value, value - high)
        if beyond > 0:
            found.append((beyond / max(high - low, floor), name))
    return sorted(found, reverse=True)


def margin(each: Iterable[tuple[Numbers, Sequence[Numbers]]], share: float = 0.05) -> float:
    """Return how far outside counts: of healthy logs, each with those that it is held against, ``share`` lie so far."""
    far = [max([beyond for beyond, _ in outside(one, rest)], default=0.0) for one, rest in each]
    return float(np.quantile(far, 1 - share)) if far else float("inf")


def without_itself(groups: Sequence[Sequence[Numbers]]) -> Iterator[tuple[Numbers, Sequence[Numbers]]]:
    """Yield each log of twins with the others of its group."""
    for group in groups:
        yield from ((one, [*group[:at], *group[at + 1 :]]) for at, one in enumerate(group))


def without_its_kind(logs: Sequence[tuple[str, Numbers]]) -> Iterator[tuple[Numbers, Sequence[Numbers]]]:
    """Yield each log with those of all other kinds of run."""
    for kind, one in logs:
        yield one, [other for name, other in logs if name != kind]


def sort_out(
    sick: Numbers, twins: Sequence[Numbers], every: Sequence[Numbers], margins: tuple[float, float]
) -> tuple[str, list[tuple[float, str]]]:
    """Return the class of a log, and what shows it; ``margins`` are for twins and for the healthy of every setting."""
    beside = [one for one in outside(sick, twins) if one[0] > margins[0]]
    alone = [one for one in outside(sick, every) if one[0] > margins[1]]
    told = {name for _, name in beside}
    sure = [one for one in alone if one[1] in told]
    return (ALONE, sure) if sure else (TWIN, beside) if beside else (LIKE, [])
