"""Loops that say that they take full windows only: a last window that is short takes no step, and leaves nothing.

It is no fault to drop it on purpose. What is dropped must be gone: a gradient that is left would go into the next step.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from sad.judge.judging import Code
from sad.judge.steps.sources import whole_source
from sad.subjects.trainer import Setup
from sad.verdict import Standing, Verdict

WHOLE, SHORT = r"(full|complete|whole)", r"((last|incomplete|partial|short|unfinished|trailing|remaining|leftover) )"
GROUP = r"(accumulation )?(windows?|groups?|micro-?batch(es)?)"
GONE = r"(drop|skip|discard|ignor)"
SAYS = re.compile(
    rf"\b{WHOLE} {GROUP} only\b|\bonly (the )?{WHOLE} {GROUP}\b|\b{GONE}\w* (the |a |an |any )?{SHORT}+{GROUP}"
    rf"|\b{SHORT}+{GROUP}[^.:;]{{0,30}} (is|are) {GONE}(p?p?ed|d)\b",
    re.IGNORECASE,
)
"""Where a source says that a last window that is not full is left out."""
FLOORED = re.compile(
    r"\blen\([\w.]+\)\s*//\s*([\w.]*(?:accum|window)\w*)\s*\)?\s*\*\s*\1\b|(\blen\([\w.]+\))\s*-\s*\2\s*%\s*[\w.]*accum"
)
"""Where it counts the micro-batches that fill windows."""
LEFT = Setup((5,) * 5, accumulation=4, epochs=2, learning_rate=1e-12)
"""One full window in each pass, and a text that is left."""
NOISE = 1e-6


class Runs(Protocol):
    """A trainer that can be given a last window that is not full, though it drops it."""

    def shortened(self) -> Any:  # noqa: ANN401 - itself
        """Return the same, which gets such windows."""


def drops(code: Code) -> bool:
    """Whether a loop says that it drops a last window that is not full."""
    if code.adapter is not None:
        return False
    text = whole_source(code)
    return bool(SAYS.search(" ".join(text.replace("#", " ").split())) or FLOORED.search(text))


def gone(trainer: Runs, verdict: Verdict) -> Verdict:
    """Return the verdict of the steps of full windows, or that what is dropped goes into the next pass's."""
    taken = trainer.shortened().run(LEFT).taken
    full = LEFT.epochs * (len(LEFT.lengths) // LEFT.accumulation)
    if len(taken) != full:
        says = f"it says that it takes full windows only, and takes {len(taken)} steps where {full} are full"
        return Verdict(False, says, {"steps": len(taken), "expected": full})
    first, second = (one.gradient for one in taken)
    apart = float((second - first).norm() / first.norm())
    if not apart <= NOISE:
        says = f"the gradient of a last window that it drops goes into the next step: {apart:.0%} of that"
        return Verdict(False, f"{says}; clear it at the end of a pass", {"apart": apart})
    says = f"{verdict.says}; a last window that is not full is dropped, as its source says"
    return Verdict(True, says, verdict.numbers, standing=Standing.ALLOWED)
