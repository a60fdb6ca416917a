"""A number has the digits of a small float

## What it sees
Every record of a loss, a term or another number of the batch fits into the eight bits of bfloat16, or into the eleven
of float16, though it is printed more finely than that: 6.0938, 6.125, 6.1562 and nothing between. Which numbers are so
and which are not tells where the rounding takes place.

## Why it is bad
bfloat16 tells 6.09 from 6.13 and nothing finer. A loss that is summed or averaged in it loses what a step gains; terms
that are small beside the total vanish in the sum, and a mean over many tokens stops growing. If the total is so and its
terms are not, they are added in the small type. If all are, the losses are computed in it from the logits on: a softmax
over a large vocabulary is then wrong by whole percents.

## Thresholds
- `records = 20`: so many records must be printed in units of a quarter or less of what the type resolves, and half of
  all. By chance a number fits once in thirty times.

## Example
```run fires
steps: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
train/loss: 6.0938, 6.1562, 5.9688, 5.9062, 5.8438, 5.7812, 5.8438, 5.7188, 5.6562, 5.5938, 5.6562, 5.5312
steps: 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24
train/loss: 5.4688, 5.5312, 5.4062, 5.3438, 5.2812, 5.3438, 5.2188, 5.1562, 5.0938, 5.0312, 5.0938, 4.9688
```

```run quiet
steps: 40
train/loss: 6 -> 5 ~ 0.1
```

## Remedy
Compute the losses from `logits.float()`, outside of autocast, and add them in float32; only the models need the small
type. A number that is rounded when it is written, and nowhere before, does no harm.

## Sources
- PyTorch's documentation of automatic mixed precision: losses are among the operations that it keeps in float32.
"""

from __future__ import annotations

from collections.abc import Iterator

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Run

_TEACHERS = (names.TEACHER_LOSS, names.TEACHER_ENTROPY)
_TYPES = {8: "bfloat16", 11: "float16"}


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for all numbers that fit into the smallest type."""
    series = signals.per_batch(run, int(t["records"]))
    if not series:
        raise TooFew(f"fewer than {t['records']:g} records of any series")
    found = {name: signals.significand(column.value, int(t["records"])) for name, column in series.items()}
    small = {name: bits for name, bits in found.items() if bits}
    yield Reading("series that fit into a small float", float(len(small)))
    if small:
        yield _finding(run, small, [name for name in series if name not in small])


def _finding(run: Run, small: dict[str, int], rest: list[str]) -> Finding:
    first = names.LOSS if names.LOSS in small else next(iter(small))
    told = list(dict.fromkeys([words.called(first), *map(words.called, small)]))
    others = list(dict.fromkeys(map(words.called, rest)))
    column = signals.finite(signals.tidy(run.columns[first]))
    return RULE.finding(
        headline=(
            f"Every record of {words.listing(told[:3])} fits into the {small[first]} bits of {_TYPES[small[first]]}: "
            "it is computed, or kept, in that type."
        ),
        evidence=(
            f"The last ones: {', '.join(words.number(v) for v in column.value[-4:].tolist())}",
            *([f"{words.capital(words.listing(others[:4]))}: all digits"] if others else []),
        ),
        cause=(
            "The terms are added in a small type: what is small beside the total is rounded away."
            if others and first == names.LOSS
            else "The losses are computed in a small type from the logits on, or rounded when they are written."
        ),
        remedy="Compute and add the losses in float32, from logits.float(), outside of autocast.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"bits": float(small[first]), "series": float(len(small))},
    )


RULE = Rule(
    code="R411",
    name="digits-few",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=("|".join((names.LOSS, names.RAW, names.UNWEIGHTED, names.WEIGHTED, names.GRAD_NORM, *_TEACHERS)),),
    check=check,
    thresholds={"records": 20},
)
