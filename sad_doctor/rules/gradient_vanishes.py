"""The gradient vanishes

## What it sees
A gradient norm below 1e-7 in more than half of the recent records, some of them above 0 or all of them 0. Or a norm
that falls to a ten-thousandth of what it was at the beginning, while the loss is still at half of its first level or
above. Where the loss still falls after the norm was gone, the norm is measured wrongly, and the finding is a hint; what
the loss did before does not count.

## Why it is bad
A step without a gradient moves nothing but the weight decay. In a distillation the usual places are logits that are
clamped before the softmax (the clamp has gradient 0), a term computed on detached values or under `no_grad`, weights
without `requires_grad`, and numbers too small for float16. A loss that has been learned to the end has a small gradient
too, so a norm that falls together with the loss is left alone.

## Thresholds
- `norm = 1e-07`: below this a norm counts as none; float16 ends at 6e-8.
- `often = 0.5`: the share of the second half of the records below it.
- `fall = 0.0001`: the later norm over the first one. A healthy norm falls by ten or a hundred times.
- `records = 10`: fewest records.

## Example
```run fires
steps: 100
train/loss: 9 ~ 0.2
train/grad_norm: 2 -> 1e-8 -> 1e-8 -> 1e-8
```

```run quiet
steps: 100
train/loss: 9 -> 3 ~ 0.2
train/grad_norm: 2 -> 0.2 ~ 0.01
```

## Remedy
Ask each term for its gradient on one batch: `torch.autograd.grad(term, parameters, allow_unused=True)`; None or zeros
name the term. `sad verify` does so for every loss.

```toml
[train]
precision = "bf16"
```

## Sources
- SageMaker Debugger, "VanishingGradient" (1e-7); TheDeepChecker (Ben Braiek and Khomh 2022), 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, require
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_MOST = 0.9
"""Share of the norms below the limit from the onset on."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a norm that is gone."""
    norm = signals.finite(signals.tidy(run.columns[names.GRAD_NORM]))
    require(len(norm), t["records"], "finite record", "of the norm")
    recent = norm.value[len(norm) // 2 :]
    gone = float(np.mean(recent < t["norm"]))
    tenth = max(len(norm) // 10, 3)
    first, last = float(median(norm.value[:tenth])), float(median(norm.value[-tenth:]))
    yield Reading("share of the recent records without a gradient", gone, "often")
    if first > 0:
        yield Reading("last norm over the first", last / first, "fall")
    fell = first > 0 and last < t["fall"] * first and _loss_is_high(run)
    if gone > t["often"] or fell:
        yield _finding(run, norm, first, last, gone, t)


def _loss_is_high(run: Run) -> bool:
    loss = run.get(names.LOSS)
    ends = None if loss is None else signals.ends(loss)
    if ends is None:
        return False
    before, after = (float(median(values)) for values in ends)
    return after > 0.5 * before and after > 0.1


def _finding(run: Run, norm: Column, first: float, last: float, gone: float, t: Thresholds) -> Finding:
    since = _onset(norm, max(t["norm"], t["fall"] * first))
    learns = signals.loss_falls(_from(run, since))
    return RULE.finding(
        level=Level.INFO if learns else Level.ERROR,
        headline=(
            f"The gradient vanishes: its norm is {words.number(last)} at the end, {words.number(first)} at the "
            f"beginning{', yet the loss falls' if learns else ''}."
        ),
        evidence=(
            f"Below {words.number(t['norm'])} in {words.percent(gone)} of the second half of {len(norm):,} records",
            f"First so small at step {words.step(since)}",
        ),
        cause=(
            "The norm is taken after the gradients were cleared, or of other parameters."
            if learns
            else "Clamped logits, detached values, frozen parameters, or numbers too small for float16."
        ),
        remedy="Take the gradient of each term alone on one batch and see which gives none.",
        first_step=since,
        last_step=float(norm.step[-1]),
        numbers={"first": first, "last": last, "gone": gone},
    )


def _onset(norm: Column, limit: float) -> float:
    """The step from which on nine of ten norms lie below ``limit``; without one, the first such step."""
    below = norm.value < limit
    share = np.cumsum(below[::-1])[::-1] / np.arange(len(norm), 0, -1)
    for chosen in (below & (share >= _MOST), below):
        if chosen.any():
            return float(norm.step[int(np.argmax(chosen))])
    return float(norm.step[-1])


def _from(run: Run, step: float) -> Run:
    """The run from a step on: what the loss did while there was a gradient proves nothing of the time without."""
    kept = {name: Column(c.step[c.step >= step], c.value[c.step >= step]) for name, c in run.columns.items()}
    return replace(run, columns=kept)


RULE = Rule(
    code="R108",
    name="gradient-vanishes",
    level=Level.ERROR,
    page=__doc__,
    needs=(names.GRAD_NORM,),
    check=check,
    thresholds={"norm": 1e-7, "often": 0.5, "fall": 1e-4, "records": 10},
)
