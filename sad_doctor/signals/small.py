"""KD beside the label loss: by how much the one fell, and how little there was of the other."""

from __future__ import annotations

from typing import NamedTuple

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.signals.blocks import ends, fall
from sad_doctor.signals.middle import median
from sad_doctor.signals.parts import parts
from sad_doctor.signals.series import finite, tidy

_FIRST = 5
"""Records of the beginning."""


class Small(NamedTuple):
    """KD at its beginning and over its first and last third, and by how much the label loss has fallen since."""

    first: float
    early: float
    late: float
    fell: float


def too_small(kd: Column, lm: Column, first: float, share: float, least: float) -> Small | None:
    """Return what there is of KD where its ``first`` value is below ``share`` of the label loss's fall, else None.

    Of a teacher that knows the text the first KL is about what the label loss can fall by. The fall must surely be
    above ``least``, in nats; a KD that rises was small for another reason.
    """
    fell, soft = fall(lm, _FIRST, quick=True), ends(kd)
    if fell is None or soft is None:
        return None
    early, late = float(median(soft[0])), float(median(soft[1]))
    if late > 1.5 * first or not fell.surely_above(least) or first > share * fell.amount:
        return None
    return Small(first, early, late, fell.amount)


def weighted_pair(run: Run) -> tuple[Column, Column] | None:
    """Return KD and the label loss as they are in the total, tidy and finite, where the log tells one of each."""
    terms = parts(run).terms
    anchors = [term for term in terms if term in names.ANCHORS]
    if names.KD not in terms or len(anchors) != 1:
        return None
    return finite(tidy(terms[names.KD])), finite(tidy(terms[anchors[0]]))
