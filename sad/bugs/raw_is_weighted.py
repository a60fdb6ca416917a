"""The values called raw are weighted

## Symptom
A log lists "raw loss components" whose sum is the total, to four decimals. Documents take 160.56 for a raw distance,
where it was 3,211 at a weight of 0.05, and judge a "fix" of the term by it.

## Mechanism
The dictionary of losses is filled with products; the line that prints it says raw.

## What its documented fix did
Some versions print raw, weight and weighted for two of eight terms; the others stayed as they were.

## Fix
A `Ledger` (`sad/objective.py`) keeps raw values and weights, and multiplies where it is asked for weighted ones. The
record holds all three for every term (`sad/train/ledger/record.py`).

## Source
rakeshb49/student_aware_distillation, training.py, the block that is printed every 100 batches.
"""

from __future__ import annotations

from collections.abc import Mapping

from sad.bug import Bug
from sad.invariants.parts_reported import Part, Report, Reported, parts_reported
from sad.shipped.report import report


def buggy() -> Report:
    """Products, called raw."""

    def told(parts: Mapping[str, Part]) -> Reported:
        losses = {name: part.raw * part.weight for name, part in parts.items() if part.units}
        weight = {name: part.weight for name, part in parts.items() if part.units}
        return Reported(sum(losses.values()), losses, weight, losses)

    return told


fixed = report
"""The objective's ledger, as the record has it."""


BUG = Bug("V702", "raw-is-weighted", __doc__, (parts_reported,), buggy, fixed, covers=("S21",))
