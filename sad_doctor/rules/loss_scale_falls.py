"""The loss scale falls to nothing

## What it sees
The scale that float16 multiplies the loss by comes down to a small one and stays there: from 1,024 or more to 16 or
less at the end.

## Why it is bad
The scale is halved whenever a gradient overflows, and grows again after many steps without one: on a sound run it finds
its size, some thousands or more, within the first steps. One that goes on falling says that gradients overflow at
whatever scale: some are infinite or NaN by themselves, in a single layer or at a single token. Each halving is a step
that was left out, and at a small scale the small gradients of all the other weights round to 0 in float16: the run goes
on, and learns less and less. DeepSpeed and Megatron end it when the least scale is reached.

## Thresholds
- `began = 1024`, `low = 16`: the highest scale of the first half must be this or more, that of the last tenth this or
  less.
- `records = 10`: fewest records.

## Example
```run fires
steps: 16
train/loss: 9 -> 8
train/loss_scale: 65536, 65536, 32768, 16384, 8192, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 2, 1
```

```run quiet
steps: 16
train/loss: 9 -> 8
train/loss_scale: 65536, 32768, 16384, 8192, 4096, 4096, 4096, 4096, 4096, 4096, 8192, 4096, 4096, 4096, 4096, 4096
```

## Remedy
Train in bfloat16 where the device can, which has no such scale; else look which term or layer gives a gradient that is
not finite in float32 either (`torch.autograd.set_detect_anomaly(True)`), and compute the losses and the softmax in
float32.

```toml
[train]
precision = "bf16"
```

## Sources
- Micikevicius et al. 2018, "Mixed Precision Training", section 3.2, arXiv 1710.03740.
- Public reports of "Current loss scale already at minimum" of DeepSpeed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, require
from sad_doctor.run import Run


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding."""
    scale = signals.finite(signals.tidy(run.columns[names.LOSS_SCALE]))
    require(len(scale), t["records"], "record", "of the loss scale")
    began = float(np.max(scale.value[: len(scale) // 2]))
    last = float(np.max(scale.value[-max(1, len(scale) // 10) :]))
    yield Reading("the loss scale at the end", last, "low")
    if began < t["began"] or last > t["low"]:
        return
    falls = np.flatnonzero(np.diff(scale.value) < 0)
    yield RULE.finding(
        headline=(
            f"The loss scale falls from {words.number(began)} to {words.number(scale.last)}: gradients overflow "
            "float16 at whatever scale, and each time a step is left out."
        ),
        evidence=(f"Lower at {words.steps([float(scale.step[1 + i]) for i in falls])}",),
        cause="A gradient that is infinite or NaN by itself, or values beyond 65,504 in a forward pass in float16.",
        remedy="Train in bf16, or find the layer or term whose gradient is not finite, and compute it in float32.",
        first_step=float(scale.step[1 + falls[0]]),
        last_step=float(scale.step[-1]),
        numbers={"began": began, "last": scale.last},
    )


RULE = Rule(
    code="R414",
    name="loss-scale-falls",
    level=Level.WARNING,
    page=__doc__,
    needs=(names.LOSS_SCALE,),
    check=check,
    thresholds={"began": 1024, "low": 16, "records": 10},
)
