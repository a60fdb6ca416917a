"""The loss jumps

## What it sees
A record of the total loss that stands ten robust deviations (1.4826 times the median absolute deviation), half of its
level and half a nat above the median of the records before it; three tenths of its level suffice for one that comes
down again at once. Or a loss that is thrown up within some records, stays there for three or more, and then comes down
again: less suffices there, as no single batch does that. It is a hint: small batches have bad days, and a curriculum
that lets a term in makes one jump that stays. Several jumps to twice the level and more, at which the gradient norm
jumps to ten times its own, are a warning.

## Why it is bad
Single jumps heal. Jumps that come more often, or that take hundreds of steps to come down, go before a divergence; the
term that jumped and the batch at that step tell where to look. A loss that was thrown back and recovers had its weights
or its optimizer changed: something was loaded, rounded or restored there, or one step was far too large.

## Thresholds
- `sigmas = 10`, `factor = 1.5`, `nats = 0.5`: how far above the level of the last records a jump must stand.
- `alone = 1.3`: the factor for one that comes down at once. A batch of random tokens costs a student that has learned
  the frequencies of tokens a third more.
- `back_sigmas = 8`, `back = 0.06`, `back_nats = 0.1`: the same for one that stays up for some records.

- `several = 3`, `twice = 2`, `norm = 10`: so many jumps, over the level and over the norm's, for a warning.

The level is taken over the 64 records before a block of 64, so the first 64 are not judged: R109 looks at those. In a
log of less than 256 records such a block has 24. A loss that is thrown back is seen from 20 records on.

## Example
```run fires
steps: 128
train/loss: 4 ~ 0.05
steps: 129, 130, 131
train/loss: 4, 9, 4
```

```run fires
steps: 40
train/loss: 6 -> 4 ~ 0.03
steps: 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52
train/loss: 4.9, 4.85, 4.8, 4.7, 4.6, 4.5, 4.4, 4.3, 4.2, 4.1, 4, 4
```

```run quiet
steps: 300
train/loss: 9 -> 5 ~ 0.4
```

## Remedy
One jump: nothing. Several: look at the batches, lower the peak learning rate, clip the gradient; after a jump that does
not come down, go back to a checkpoint about a hundred steps before it and leave those batches out.

```toml
[train]
clip = 1.0
```

## Sources
- Chowdhery et al. 2022 (PaLM), section 5.1: about 20 spikes; restart 100 steps before and skip 200 to 500 batches.
- OLMo-core's stability monitor: 6 standard deviations over the last 128 steps.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

WINDOW, SHORT = 64, 24
"""Records of a block; those of one in a log of less than four long ones."""

_LOOKED = 256
"""So many lone jumps are looked at."""

_STAYS = 0.6
"""The share of a jump above which three quarters of the records since lie, where it is a change of level."""
_OTHER = (
    "Other text, other weights or another factor of the loss from that step on: no single batch lasts that long.",
    "See what begins at that step, a stage, a shard, a resume; compare the parts of the loss on either side.",
)

_NEAR, _AS_HIGH = 5, 0.95
"""So many records before a jump tell from where it came; jumps that differ by less are as high."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one hint that shows the highest jump."""
    found = run.get(names.LOSS)
    if found is None:
        return
    loss = signals.tidy(found)
    thrown = signals.leaps(signals.finite(loss), t["back_sigmas"], t["back"], t["back_nats"])
    window = WINDOW if len(loss) >= 4 * WINDOW else SHORT
    if len(loss) <= window and not thrown:
        raise TooFew(f"{words.counted(len(loss), 'record')} of the loss; it judges from {window + 1} on")
    height = signals.spikes(loss.value, window, t["sigmas"], t["factor"], t["nats"])
    if not np.any(height):
        height = _single(loss.value, window, t)
    jumps = np.flatnonzero(height)
    yield Reading("highest jump, robust deviations", float(np.max(height)), "sigmas")
    yield Reading("jumps", jumps.size)
    if jumps.size:
        # after a change of level many records stand out: the first that rose most over those just before it is shown
        before = [float(np.nanmedian(loss.value[at - _NEAR : at])) for at in jumps.tolist()]
        rises = np.nan_to_num(loss.value[jumps] - np.array(before), nan=0.0)
        yield _finding(run, loss, jumps.tolist(), int(jumps[int(np.argmax(rises >= _AS_HIGH * rises.max()))]), t)
    elif thrown:
        yield _thrown(run, thrown)


def _single(value: Floats, window: int, t: Thresholds) -> Floats:
    """The height of jumps that are not so high and come down at once; 0 elsewhere."""
    height = signals.spikes(value, window, t["sigmas"], t["alone"], t["nats"])
    places = np.flatnonzero(height)
    height[places[_LOOKED:]] = 0.0
    for at in places[:_LOOKED].tolist():
        before, after = value[max(0, at - _NEAR) : at], value[at + 1 : at + 1 + _NEAR]
        level = float(np.nanmedian(before))
        if not after.size or not float(np.nanmedian(after)) < level + 0.5 * (value[at] - level):
            height[at] = 0.0
    return height


def _steep(run: Run, loss: Column, jumps: list[int], t: Thresholds) -> list[float]:
    """The steps of jumps that are high beside what came before, and at which the gradient norm is so too."""
    norms = run.get(names.GRAD_NORM)
    if norms is None:
        return []
    norm = signals.finite(signals.tidy(norms))
    level = float(median(norm.value)) if len(norm) else float("inf")
    high = set(norm.step[norm.value > t["norm"] * level].tolist())
    levels = [float(np.nanmedian(loss.value[max(0, at - _NEAR) : at])) for at in jumps]
    return [
        float(loss.step[at])
        for at, before in zip(jumps, levels, strict=True)
        if float(loss.step[at]) in high and loss.value[at] > t["twice"] * before
    ]


def _finding(run: Run, loss: Column, jumps: list[int], worst: int, t: Thresholds) -> Finding:
    at, value = float(loss.step[worst]), float(loss.value[worst])
    before = float(np.nanmedian(loss.value[worst - _NEAR : worst]))
    later = loss.value[worst:]
    stays = later.size >= WINDOW // 4 and float(np.nanquantile(later, 0.25)) > before + _STAYS * (value - before)
    steep = _steep(run, loss, jumps, t)
    norms = f"The gradient norm is {words.number(t['norm'])} times its level and more at {len(steep)} of them"
    return RULE.finding(
        level=Level.WARNING if len(steep) >= t["several"] else Level.INFO,
        headline=(
            f"The loss jumps from about {words.number(before)} to {words.number(value)} at step {words.step(at)}"
            f"{' and stays there' if stays else ''}."
        ),
        evidence=(
            f"Jumps at {words.steps([float(loss.step[i]) for i in jumps])}",
            *([norms] if steep else []),
            *_term(run, at),
        ),
        cause=_OTHER[0] if stays else "A hard or broken batch, or a learning rate near the edge.",
        remedy=_OTHER[1]
        if stays
        else "Nothing for one jump; for several, look at those batches and lower the peak learning rate.",
        first_step=float(loss.step[jumps[0]]),
        last_step=float(loss.step[jumps[-1]]),
        numbers={"highest": value, "before": before, "jumps": float(len(jumps))},
    )


def _thrown(run: Run, leaps: list[signals.Leap]) -> Finding:
    worst = leaps[0]
    told = sorted(leap.step for leap in leaps)
    often = f", and so at {len(told) - 1} more places" if len(told) > 1 else ""
    return RULE.finding(
        headline=(
            f"The loss is thrown back at step {words.step(worst.step)}, from {words.number(worst.before)} to "
            f"{words.number(worst.after)}{often}; it takes {worst.records} records to lose half of that."
        ),
        evidence=(f"At {words.steps(told)}", *_term(run, worst.step)),
        cause=(
            "The weights or the optimizer's state are other ones from there on, loaded, rounded or restored; or one "
            "step was far too large. No single batch lasts that long."
        ),
        remedy="See what happens at that step, a save, a resume, an evaluation; compare the weights around it.",
        first_step=told[0],
        last_step=told[-1],
        numbers={"highest": worst.after, "before": worst.before, "jumps": float(len(told))},
    )


def _term(run: Run, at: float) -> tuple[str, ...]:
    """The part that rose most at ``at``, against its own record before."""
    rises = {}
    for term, column in signals.parts(run).terms.items():
        part = signals.tidy(column)
        place = int(np.searchsorted(part.step, at))
        if 0 < place < len(part) and part.step[place] == at:
            rises[term] = float(part.value[place] - part.value[place - 1])
    known = {term: rise for term, rise in rises.items() if np.isfinite(rise) and rise > 0}
    if len(rises) < 2 or not known:
        return ()
    term = max(known, key=lambda name: known[name])
    return (f"The part that rose most: {term}, by {words.number(known[term])}",)


RULE = Rule(
    code="R104",
    name="loss-spike",
    level=Level.INFO,
    page=__doc__,
    needs=(names.LOSS,),
    check=check,
    thresholds={
        "sigmas": 10,
        "factor": 1.5,
        "alone": 1.3,
        "nats": 0.5,
        "back_sigmas": 8,
        "back": 0.06,
        "back_nats": 0.1,
        **{"several": 3, "twice": 2, "norm": 10},
    },
)
