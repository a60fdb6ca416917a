"""The total loss is still above 15 after 5,000 steps

## What it sees
The median of the last 50 records of the total loss, counted from step 5,000 on, above 15. Where the log tells every
term before its weight, and all of these are below 15, the total is large by the weights alone: then it is quiet.
Before that step, a log of a total alone that begins and ends above what any mean over tokens begins with is a hint, and
so is one that begins far above that, wherever it ends.

## Why it is bad
A language model that knows nothing pays the logarithm of its vocabulary: 10.8 nats for 49,152 tokens, 11.9 for 151,936.
KD and LM terms with weights that sum to about 1 therefore start near 11 and fall. A total that stays above 15 holds a
term on another scale: hidden states that were not normalised, a sum in place of a mean, a temperature squared in the
reported value. Or nothing learns at all.

## Thresholds
- `total = 15`, `step = 5000`: the figures of the project's wanted trajectory (9 to 12 after a fifth of the run).
- `records = 50`: the window of the median, so that one bad batch does not count.
- `far = 50`: the level of each of the first five records from which the beginning alone is a hint, however short.
- `begin = 25`, `few = 12`: the level of the first records and of the last ones from which a total alone is a hint, and
  how many records that takes: twice the logarithm of 262,144, the largest vocabulary in use.

An objective with large weights on purpose needs a larger `total`, unless the log tells its raw values.

## Example
```run fires
steps: 100 every 100
train/loss: 180 -> 60 ~ 5
```

```run fires
steps: 60
train/loss: 81 -> 50 -> 39 -> 36 ~ 2
```

```run quiet
steps: 100 every 100
train/loss: 40 -> 9 -> 7 ~ 0.5
```

## Remedy
Find the term on another scale in the table of shares, and lower its weight or normalise it:

```toml
[terms.layerwise]
weight = 0.1
```

## Sources
- The bad signs of the failed runs this project starts from: "total > 15 after step 5000"; theirs was 177.1 at 21,700.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_FIRST = 5
"""So many records stand for the beginning."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the recent median is above the threshold."""
    found = run.get(names.LOSS)
    if found is None:
        return
    total = signals.finite(signals.tidy(found))
    late = total.step > t["step"]
    if not late.any() and (hint := _scale(run, total, t)) is not None:
        yield hint
        return
    if not late.any():
        raise TooFew(f"no record of the loss after step {words.step(t['step'])} yet")
    window = total.value[late][-max(int(t["records"]), 1) :]
    middle = float(median(window))
    yield Reading("median of the last records of the total", middle, "total")
    if middle <= t["total"] or _by_weights(run, t):
        return
    first, last = float(total.step[late][-window.size]), float(total.step[-1])
    yield RULE.finding(
        headline=(
            f"The total loss is {words.number(middle)} at step {words.step(last)}, above {words.number(t['total'])} "
            f"after step {words.step(t['step'])}."
        ),
        evidence=(
            f"Median of the last {window.size} records (steps {words.step(first)} to {words.step(last)}): "
            f"{words.number(middle)}, lowest {words.number(float(window.min()))}",
            *_largest(run),
        ),
        cause="A term is on another scale than KD and LM, or nothing learns.",
        remedy="Look at the shares: normalise the term that owns the loss, or lower its weight.",
        first_step=first,
        last_step=last,
        numbers={"total": middle, "limit": t["total"]},
    )


def _scale(run: Run, total: Column, t: Thresholds) -> Finding | None:
    """The hint of a total alone above any mean over tokens, from its first record to its last or far above at first."""
    if not len(total) or run.terms(names.RAW) or run.terms(names.WEIGHTED):
        return None
    third, least = max(1, len(total) // 3), float(np.min(total.value[:_FIRST]))
    begins = total.value[: min(_FIRST, third)]
    first, last = float(median(begins)), float(median(total.value[-third:]))
    throughout = len(total) >= t["few"] and least > t["begin"] and last > t["begin"]
    if not throughout and (least <= t["far"] or signals.of_classes(run)):
        return None
    ends = f" and is {words.number(last)}" if len(total) > 1 else ""
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"The total loss begins at {words.number(first)}{ends} at step {words.step(total.step[-1])}: no mean over "
            "tokens begins so high."
        ),
        evidence=(f"{words.counted(len(total), 'record')}; who guesses every token of 262,144 alike pays 12.5 nats",),
        cause="A sum over positions or the batch in place of a mean, a term of raw hidden states, or a large weight.",
        remedy="Log each term before its weight; divide sums by the number of tokens with a label.",
        first_step=float(total.step[0]),
        last_step=float(total.step[-1]),
        numbers={"first": first, "last": last, "limit": t["begin"]},
    )


def _by_weights(run: Run, t: Thresholds) -> bool:
    """Whether every part is known before its weight, and none of them is on a large scale."""
    parts, raw = signals.parts(run), run.terms(names.RAW)
    if parts.source not in ("weighted", "raw x weight") or not set(parts.terms) <= set(raw):
        return False
    recent = [signals.finite(raw[term]).value[-max(int(t["records"]), 1) :] for term in parts.terms]
    return all(values.size and float(median(values)) <= t["total"] for values in recent)


def _largest(run: Run) -> tuple[str, ...]:
    shares = signals.shares(run)
    if len(shares) < 2:
        return ()
    term, share = max(((term, c.last) for term, c in shares.items()), key=lambda pair: pair[1])
    return (f"Largest part at the end: {term}, {words.percent(share)} of the loss",)


RULE = Rule(
    code="R201",
    name="total-too-high",
    level=Level.ERROR,
    page=__doc__,
    needs=(names.LOSS,),
    check=check,
    thresholds={"total": 15, "step": 5000, "records": 50, "begin": 25, "few": 12, "far": 50},
)
