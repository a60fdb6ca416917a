"""Every gradient is clipped, and far

## What it sees
A gradient norm, before clipping, above the clip in nearly every record and ten times above it in the median. The clip
is taken from the run's settings (`clip`, `max_grad_norm`, `gradient_clip_val`); a log of Hugging Face's Trainer without
settings has its default of 1. A norm that grows by orders of magnitude is told as that, whatever the clip: its last
tenth against its second one. Where nothing tells the clip, 1 is assumed and the finding is only a hint, below a norm
of `unknown`.

## Why it is bad
Clipping is meant for the bad day. When it acts on every step, the size of the gradient is thrown away: each step has
the same length whatever the batch says, and the learning rate that acts is the one that is set times clip / norm. The
usual reason is a loss on the wrong scale, a sum over tokens or positions in place of a mean, or one huge term; lowering
the learning rate does not mend that.

## Thresholds
- `often = 0.95`: the share of records above the clip.
- `times = 10`: how far above the clip the median must lie. A norm of two or three times the clip is usual.
- `unknown = 100`: with an unknown clip, a median from here on is a warning.
- `grows = 100`: the norm at the end over what it was when a tenth of the run was over, from which it grows.
- `records = 20`: fewest records.

## Example
```run fires
fact clip: 1
steps: 200
train/loss: 9 -> 6 ~ 0.2
train/grad_norm: 70 ~ 8
```

```run quiet
fact clip: 1
steps: 200
train/loss: 9 -> 6 ~ 0.2
train/grad_norm: 2.5 ~ 0.5
```

## Remedy
Find the term on another scale in the table of shares; divide by the number of tokens. Only then choose the clip, near
the usual norm:

```toml
[train]
clip = 1.0
```

## Sources
- Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks": the clip near the mean
  norm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, require
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_KEYS = ("clip", "max_grad_norm", "gradient_clip_val", "clip_grad_norm", "grad_clip")


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the norm lies above the clip throughout."""
    norm = signals.finite(signals.tidy(run.columns[names.GRAD_NORM]))
    require(len(norm), t["records"], "finite record", "of the norm")
    clip = _clip(run)
    assumed = clip is None
    limit = 1.0 if clip is None else clip
    late = norm.value[len(norm) // 5 :]
    above, middle = float(np.mean(late > limit)), float(median(late))
    yield Reading("share of records above the clip", above, "often")
    yield Reading("median norm over the clip", middle / limit, "times")
    tenth = max(len(norm) // 10, 3)
    first, last = float(median(norm.value[tenth : 2 * tenth])), float(median(norm.value[-tenth:]))
    if first > 0:
        yield Reading("last norm over the one after a tenth of the run", last / first, "grows")
    if first > 0 and last > t["grows"] * first and last > limit:
        yield _grows(norm, first, last, limit)
        return
    if above < t["often"] or middle < t["times"] * limit:
        return
    known = "an assumed clip of 1" if assumed else f"the clip of {words.number(limit)}"
    yield RULE.finding(
        level=Level.INFO if assumed and middle < t["unknown"] else Level.WARNING,
        headline=(
            f"The gradient is always clipped: its norm is {words.number(middle)} in the median, "
            f"{words.number(middle / limit, 1)} times {known}."
        ),
        evidence=(
            f"Above the clip in {words.percent(above)} of {late.size:,} records",
            f"The learning rate that acts is {words.number(limit / middle)} of the one that is set",
        ),
        cause="The loss is on another scale: a sum in place of a mean, or one huge term.",
        remedy="Mend the scale of the loss, not the learning rate; then set the clip near the usual norm.",
        first_step=None,
        last_step=float(norm.step[-1]),
        numbers={"median": middle, "clip": limit, "above": above},
    )


def _grows(norm: Column, first: float, last: float, clip: float) -> Finding:
    return RULE.finding(
        headline=(
            f"The gradient norm grows from {words.number(first)} to {words.number(last)}, "
            f"{words.number(last / first, 0)} times: it explodes."
        ),
        evidence=(
            f"Its largest value is {words.number(float(np.max(norm.value)))}",
            f"With a clip of {words.number(clip)}, {words.number(clip / last)} of the learning rate acts",
        ),
        cause="The weights grow: the learning rate is too large, or a term's scale runs away.",
        remedy="Look which term's gradient grows; lower the learning rate, and go back to a checkpoint before it grew.",
        first_step=float(norm.step[int(np.argmax(norm.value > 10 * first))]),
        last_step=float(norm.step[-1]),
        numbers={"first": first, "last": last},
    )


def _clip(run: Run) -> float | None:
    """Return the clip that the run's settings tell, at any depth, or its library's default; None if neither."""
    told = _search(run.facts)
    if told is None and run.format.startswith(("trainer_state", "Hugging Face")):
        return 1.0
    return told


def _search(facts: Mapping[str, object]) -> float | None:
    for key in _KEYS:
        value = facts.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return float(value)
    inner = (value for value in facts.values() if isinstance(value, Mapping))
    return next((found for found in map(_search, inner) if found is not None), None)


RULE = Rule(
    code="R107",
    name="gradient-always-clipped",
    level=Level.WARNING,
    page=__doc__,
    needs=(names.GRAD_NORM,),
    check=check,
    thresholds={"often": 0.95, "times": 10, "unknown": 100, "grows": 100, "records": 20},
)
