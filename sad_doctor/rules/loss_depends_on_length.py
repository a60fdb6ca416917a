"""A term depends on the length of the batch

## What it sees
A term, its slow trend taken away, that changes with the mean length of the sequences by a power of it: as the length or
as one over the length, surely by more than the square root. Any term may not grow so; the label loss and KD may fall a
little with more context, so of them only growth counts.

## Why it is bad
A mean over tokens does not know how long a batch is. A term that grows with the length is a sum: long batches outvote
short ones, and the weight means another thing for every batch. A term that falls as one over the length is owned by one
position, mostly the first, whose hidden state is thousands of times larger than the rest, and is diluted by the others;
or it is divided by the padded length. Two batches then differ by their padding, and the curve shows the sampler.

## Thresholds
- `power = 0.5`: the exponent that must surely be exceeded; 1 is a sum, -1 one position among many.
- `spread = 1.5`: how far the long tenth of the batches must be longer than the short tenth.
- `records = 50`: fewest records with a length.

## Example
```run fires
steps: 12 every 50
train/length: 34, 384, 60, 120, 300, 40, 250, 90, 180, 350, 70, 200
train/raw/layerwise: 160, 14.2, 90.7, 45.4, 18.1, 136, 21.8, 60.5, 30.2, 15.6, 77.8, 27.2
steps: 40
train/length: 34 -> 384 -> 34 -> 384 -> 34
train/raw/layerwise: 160 -> 14.2 -> 160 -> 14.2 -> 160
```

```run quiet
steps: 100
train/length: 200 ~ 60
train/raw/layerwise: 2 -> 0.7 ~ 0.02
```

## Remedy
Divide by the number of positions that count, not by the padded length; normalise hidden states before comparing them
and leave the first position out.

```toml
[terms.layerwise]
weight = 0.1
```

## Sources
- The failed runs this project starts from: 14.2065 at length 384, 160.5575 at length 34; read as "growing".
- Sun et al. 2024, "Massive Activations in Large Language Models", arXiv 2402.17762.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run

_SIGMAS = 3.0


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for each term that goes with the length."""
    length = signals.finite(signals.tidy(run.columns[names.LENGTH]))
    judged = 0
    for name, column in _terms(run).items():
        step, at, among = signals.shared(column.step, length.step)
        value, size = column.value[at], length.value[among]
        usable = (value > 0) & (size > 0)
        if int(usable.sum()) < t["records"]:
            continue
        low, high = np.quantile(size[usable], [0.1, 0.9])
        if high < t["spread"] * low:
            continue
        judged += 1
        power, error = _power(value[usable], size[usable])
        yield Reading(f"power of the length in {name}", power, "power")
        term = name.rsplit("/", 1)[1]
        mild = term == names.KD or term in names.ANCHORS
        if abs(power) - _SIGMAS * error > t["power"] and (power > 0 or not mild):
            yield _finding(name, Column(step[usable], value[usable]), size[usable], power, error)
    if not judged:
        raise TooFew(f"no term has {t['records']:g} records beside a length that varies by {t['spread']:g}")


def _terms(run: Run) -> dict[str, Column]:
    raw = {names.RAW + term: column for term, column in run.terms(names.RAW).items()}
    more = {names.WEIGHTED + term: c for term, c in run.terms(names.WEIGHTED).items() if names.RAW + term not in raw}
    return {name: signals.finite(signals.tidy(column)) for name, column in {**raw, **more}.items()}


def _power(value: Floats, size: Floats) -> tuple[float, float]:
    """The slope of log value over log length between neighbouring records, which no slow trend moves; and its error."""
    x, y = np.diff(np.log(size)), np.diff(np.log(value))
    weight = float(np.sum(x * x))
    if weight <= 0:
        return 0.0, float("inf")
    slope = float(np.sum(x * y)) / weight
    rest = y - slope * x
    # neighbouring differences share a record: twice the variance is on the safe side
    return slope, float(np.sqrt(2 * np.mean(rest * rest) / weight))


def _finding(name: str, column: Column, size: Floats, power: float, error: float) -> Finding:
    term = name.rsplit("/", 1)[1]
    short, long = int(np.argmin(size)), int(np.argmax(size))
    grows = power > 0
    return RULE.finding(
        headline=(
            f"The term {term} {'grows' if grows else 'falls'} with the length of the batch, as its power "
            f"{words.number(power, 2)}: {words.number(float(column.value[short]))} at length "
            f"{words.number(float(size[short]), 0)}, {words.number(float(column.value[long]))} at length "
            f"{words.number(float(size[long]), 0)}."
        ),
        evidence=(
            f"Power {words.number(power, 2)} ± {words.number(2 * error, 2)} over {len(column):,} records",
            f"Steps {words.step(column.step[short])} and {words.step(column.step[long])}",
        ),
        cause=(
            "It is a sum over positions, not a mean."
            if grows
            else "One position owns it and the others dilute it, or it is divided by the padded length."
        ),
        remedy="Divide by the positions that count; for hidden states, normalise them, leave out the first position.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"power": power, "error": error},
    )


RULE = Rule(
    code="R210",
    name="loss-depends-on-length",
    level=Level.WARNING,
    page=__doc__,
    needs=(names.LENGTH, f"{names.RAW}|{names.WEIGHTED}"),
    check=check,
    thresholds={"power": 0.5, "spread": 1.5, "records": 50},
)
