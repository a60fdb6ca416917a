"""A term's share is its part of the whole loss, of parts that are called what they are.

## Property
For the parts of a loss as they are added, the shares are part / sum of all parts: they sum to 1, no part is left out.

## Why it must hold
A share of some of the parts names the wrong culprit, or the wrong size of the right one, and the next remedy is
judged by it.

## Tolerance
1e-6 on each share.

## What breaks it
A share of two terms alone; parts counted before their weight and a total counted after. Judged on the parts that the
failed run logged at step 21,700: their sum is the logged total, 177.1419, and layerwise is 90.6% of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sad.verdict import Verdict

ID = "I03"

STEP_21700 = {
    "kd": 10.8479,
    "routing_feature": 0.2710,
    "load_balance": 0.0,
    "attention_alignment": 2.7772,
    "attention": 0.0507,
    "layerwise": 160.5575,
    "contrastive": 0.0200,
    "lm": 2.6176,
}


class Counts(Protocol):
    """Counts shares."""

    def count(self, parts: Mapping[str, float]) -> Mapping[str, float]:
        """Return each term's share of the loss, given its part (raw value times weight)."""


def shares_counted(counter: Counts) -> Verdict:
    """Judge how the shares of step 21,700 are counted."""
    total = sum(STEP_21700.values())
    shares = counter.count(STEP_21700)
    error = max(abs(shares.get(name, 0.0) - part / total) for name, part in STEP_21700.items())
    said = shares.get("layerwise", 0.0)
    says = f"step 21,700: layerwise {said:.1%} of {total:.4f}"
    if not error <= 1e-6:
        says = f"step 21,700: layerwise called {said:.1%}, it is {STEP_21700['layerwise'] / total:.1%} of {total:.4f}"
    return Verdict(error <= 1e-6, says, {"layerwise": said, "sum": sum(shares.values()), "total": total})
