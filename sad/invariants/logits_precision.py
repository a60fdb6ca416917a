"""The gradient is exact to half a percent also where the student has nearly reached its teacher.

## Property
With states and weights in bfloat16, as a model in half precision gives them, the gradient of the divergence is within
0.5% of that of the very same numbers in float64: at a KL of some nats, of 0.05 and of 0.001. So it is under bfloat16
autocast, with the same numbers in float32.

## Why it must hold
Near its teacher a student's gradient is a small difference of two probabilities. Weights that are rounded are another
model, with a gradient of its own; logits that are rounded are noise, as large at the end of a training as at its
beginning. Measured, 2.5% of the gradient at a KL of 15 nats, 21% at 0.0135, 67% at 0.0015: the loss goes on falling,
and the student stops learning.

## Tolerance
0.5%: the gradient that is handed back is itself rounded to bfloat16, which is 0.2%.

## What breaks it
A head whose product comes out in bfloat16, and is cast to float32 afterwards; a softmax in half precision.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from sad.subjects.states import Slopes, States, StatesLoss, plain, slopes
from sad.verdict import Verdict

ID = "I09"
TOLERANCE = 0.005
APART = {"far": 2.0, "nearer": 0.3, "near": 0.045}
"""What the logits of the two differ by: KL of some nats, of 0.05, of 0.001."""
AUTOCAST = "autocast"
PLACES, TOKENS, WIDTH = 48, 640, 64


def logits_precision(loss: StatesLoss) -> Verdict:
    """Judge a student at three distances from its teacher."""
    numbers: dict[str, float] = {}
    for name, apart in {**APART, AUTOCAST: APART["near"]}.items():
        given = _states(apart)
        right = plain(given)
        try:
            got = slopes(loss, given) if name in APART else _under_autocast(loss, given)
        except Exception as error:
            return Verdict(False, f"it raises {type(error).__name__}: {error}")
        kl, mine, theirs = right.value / PLACES, got.gradients[0], right.gradients[0]
        off = float((mine - theirs).norm() / theirs.norm())
        numbers |= {f"kl_{name}": kl, f"off_{name}": off}
        if not off <= TOLERANCE:
            where = f"at a KL of {kl:.2g} nats" + (", under autocast," if name == AUTOCAST else "")
            return Verdict(False, f"{where} the gradient to the states is {off:.1%} off", numbers)
    most = max(off for name, off in numbers.items() if name.startswith("off_"))
    return Verdict(True, f"within {most:.2%}, down to a KL of {kl:.1g}", numbers)


def _under_autocast(loss: StatesLoss, given: States) -> Slopes:
    """The same numbers in float32 are what autocast makes bfloat16 of again."""
    wide = replace(given, hidden=given.hidden.float(), weight=given.weight.float())
    with torch.autocast("cpu", torch.bfloat16):
        return slopes(loss, wide)


def _states(apart: float) -> States:
    noise = torch.Generator().manual_seed(0)
    hidden = torch.randn(PLACES, WIDTH, generator=noise).bfloat16()
    teacher = (4.0 * WIDTH**-0.5 * torch.randn(TOKENS, WIDTH, generator=noise)).bfloat16()
    other = apart * WIDTH**-0.5 * torch.randn(TOKENS, WIDTH, generator=noise)
    return States(
        hidden=hidden,
        weight=(teacher.float() + other).bfloat16(),
        teacher_hidden=hidden,
        teacher_weight=teacher,
        labels=torch.zeros(PLACES, dtype=torch.int64),
        at=torch.arange(PLACES),
        tokens=TOKENS,
    )
