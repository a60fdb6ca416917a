"""The student starts over, again and again

## What it sees
A label loss (in a log without parts, a total) that jumps up twice or more, at even distances, each time back to near
where the run began, and falls after each jump as it fell at the beginning. The jumps stand out of the noise of the
records, and make up for at least half of what was gained. A restart of the learning rate throws back less; data in an
order of its own falls as suddenly as it rises. Where a setting that is logged, such as a stage or a length, takes
another value at each jump, the task may be a harder one from there on: that is a hint. So it is where a jump comes
every few records.

## Why it is bad
Whatever was learned between two jumps is thrown away: the run is as good as its last stretch. The student, or its
optimizer, is made inside of the loop over epochs; a checkpoint of the beginning is loaded at each evaluation and left
in; an average is copied into the student before it has any weight.

## Thresholds
- `back = 0.5`: the share of what was gained since the beginning that each jump must undo.
- `share = 0.01`, `sigmas = 4`: how far a jump must stand above the level before it, as a share of that and in standard
  errors. `even = 1.3`: the longest distance between jumps over the shortest.
- `records = 60`: fewest records; and 20 from jump to jump, for more than a hint.

## Example
```run fires
steps: 40
train/loss: 6 -> 5.2 ~ 0.02
steps: 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60
train/loss: 6, 5.95, 5.92, 5.9, 5.86, 5.82, 5.8, 5.75, 5.7, 5.66, 5.6, 5.58, 5.5, 5.48, 5.4, 5.38, 5.36, 5.3, 5.3, 5.26
steps: 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80
train/loss: 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2, 5.2
steps: 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100
train/loss: 6, 5.95, 5.92, 5.9, 5.86, 5.82, 5.8, 5.75, 5.7, 5.66, 5.6, 5.58, 5.5, 5.48, 5.4, 5.38, 5.36, 5.3, 5.3, 5.26
```

```run quiet
steps: 100
train/loss: 6 -> 5.2 -> 5 -> 4.9 ~ 0.02
```

## Remedy
Print `id(model)` and the norm of one weight at the end of an epoch and at the beginning of the next: both must be the
same. Make model and optimizer once, before the loops; after an evaluation with other weights put the trained ones back.

## Sources
- The failure catalogue of this project: weights that are swapped for an evaluation and not swapped back.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median, medians

_AT_ONCE = 0.85
"""The share of a stretch's fall from which on it comes at once; where that is late in it, it is another text."""

_LATE = 0.5
"""The same past the first quarter of a stretch: what is learned anew falls fastest where it begins."""

_MOST = 200
"""More jumps than these are swings, which R106 tells."""

_WIDTH = 5
"""Records whose median stands for a level."""

_SHORT = 4 * _WIDTH
"""In fewer records a fall from the beginning on looks as one at once."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield at most one finding."""
    found = _series(run)
    if found is None or len(found[1]) < t["records"]:
        raise TooFew(f"fewer than {t['records']:g} records of the label loss, or of a total without parts")
    name, loss = found
    places = _jumps(loss.value, t)
    yield Reading("jumps back to near the beginning", float(len(places)))
    if len(places) < 2 or not _even(places, t) or not _falls_again(loss.value, places):
        return
    low, high = (float(median([_around(loss.value, at)[side] for at in places])) for side in (0, 1))
    gaps = np.diff(loss.step[places])
    steps = [float(step) for step in loss.step[places]]
    every = float(median(gaps))
    unit = run.facts.get(names.STEP_UNIT) == "epoch"
    length = f"{words.number(every)} epochs" if unit else f"{words.step(round(every))} steps"
    setting, short = _setting(run, loss, places), float(median(np.diff(places))) < _SHORT
    often = "with every epoch" if _whole_epochs(run, steps) else f"every {length}"
    yield RULE.finding(
        level=Level.INFO if setting or short else Level.WARNING,
        headline=(
            f"The student starts over {often}: {words.called(name)} jumps back from about {words.number(low)} to "
            f"{words.number(high)}, near its beginning at {words.number(float(median(loss.value[:_WIDTH])))}."
        ),
        evidence=(f"At {words.steps(steps)}", "It falls after each jump as it did at the beginning"),
        cause=f"{words.capital(words.called(setting))} takes another value there: a harder task, or all is made anew."
        if setting
        else "Texts of two kinds in turn, or a student that is made anew: so few records do not tell them apart."
        if short
        else "Model or optimizer are made, or old weights are loaded and left in, inside of the loop.",
        remedy="Make both once, before the loops; print the norm of one weight on either side of such a step.",
        first_step=steps[0],
        last_step=float(loss.step[-1]),
        numbers={"jumps": float(len(places)), "low": low, "high": high},
    )


def _series(run: Run) -> tuple[str, Column] | None:
    found = signals.label_loss(run) or signals.after_its_weight(run, sorted(names.ANCHORS))
    if found is not None:
        return found
    loss = run.get(names.LOSS)
    parted = run.terms(names.RAW) or run.terms(names.WEIGHTED)
    return None if loss is None or parted else (names.LOSS, signals.finite(signals.tidy(loss)))


def _around(value: Floats, at: int) -> tuple[float, float]:
    """The levels before and from a place on."""
    return float(median(value[max(0, at - _WIDTH) : at])), float(median(value[at : at + _WIDTH]))


def _jumps(value: Floats, t: Thresholds) -> list[int]:
    """The places of the jumps, each the largest within a window's width."""
    levels = medians(np.lib.stride_tricks.sliding_window_view(value, _WIDTH))
    rise = levels[_WIDTH:] - levels[:-_WIDTH]  # rise[i] is that at the place i + _WIDTH
    noise = float(median(np.abs(np.diff(value)))) * 1.0483  # neighbours differ by 0.6745 sqrt(2) sigma
    error = 1.2533 * noise * float(np.sqrt(2 / _WIDTH))
    start = float(median(value[:_WIDTH]))
    found: list[int] = []
    high = rise > np.maximum(t["sigmas"] * error, t["share"] * np.abs(levels[:-_WIDTH]))
    # from the largest down to the first that is none
    high &= rise > rise[~high].max(initial=-np.inf)
    for i in np.flatnonzero(high)[np.argsort(-rise[high])].tolist():
        low = float(levels[i])
        back = rise[i] / (start - low) if start > low else 0.0
        if back >= t["back"] and all(abs(i + _WIDTH - other) > 2 * _WIDTH for other in found):
            found.append(i + _WIDTH)
            if len(found) > _MOST:
                return []
    return sorted(found)


def _even(places: list[int], t: Thresholds) -> bool:
    gaps = np.diff([0, *places])
    return float(gaps.max()) <= t["even"] * float(gaps.min())


def _falls_again(value: Floats, places: list[int]) -> bool:
    """Whether the loss comes down again until the next jump, and by no jump of its own."""
    ends = [*places[1:], value.size]
    falls = []
    for at, end in zip(places, ends, strict=True):
        stretch = value[at:end]
        if stretch.size < 3 * _WIDTH:
            continue
        thirds = [float(median(part)) for part in np.array_split(stretch, 3)]
        fall = thirds[0] - thirds[2]
        levels = medians(np.lib.stride_tricks.sliding_window_view(stretch, _WIDTH))
        steps = levels[:-_WIDTH] - levels[_WIDTH:]
        most, place = float(np.max(steps)), int(np.argmax(steps))
        at_once = most > _AT_ONCE * fall and place > _WIDTH // 2
        at_once = at_once or (most > _LATE * fall and place > max(stretch.size // 4, _WIDTH))
        falls.append(thirds[0] > thirds[1] >= thirds[2] - 0.25 * fall and not at_once)
    return bool(falls) and all(falls)


def _setting(run: Run, loss: Column, places: list[int]) -> str:
    """The setting that takes another value within a window's width of each jump; nothing if there is none."""
    found: dict[str, list[float]] = {}
    for switch in signals.switches(run):
        if names.term_of(switch.column) is None and "epoch" not in switch.column:
            found.setdefault(switch.column, []).append(switch.step)
    for name, steps in found.items():
        at = np.searchsorted(loss.step, steps)
        if all(int(np.min(np.abs(at - place))) <= _WIDTH for place in places):
            return name
    return ""


def _whole_epochs(run: Run, steps: list[float]) -> bool:
    """Whether all jumps come within a few records of a new epoch."""
    epoch = run.get(names.EPOCH)
    if epoch is None:
        return False
    at = [float(np.interp(step, epoch.step, epoch.value)) for step in steps]
    every = float(median(np.diff(epoch.value))) if len(epoch) > 1 else 0.0
    return all(abs(value - round(value)) <= 3 * every for value in at) and len({round(v) for v in at}) == len(at)


RULE = Rule(
    code="R111",
    name="starts-over",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={"back": 0.5, "share": 0.01, "sigmas": 4, "even": 1.3, "records": 60},
)
