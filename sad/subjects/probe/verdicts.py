"""Verdicts on a divergence, each with the call that shows it."""

from __future__ import annotations

from collections.abc import Mapping

from sad.subjects.divergence import Given
from sad.subjects.probe.inputs import told
from sad.verdict import Cause, Standing, Verdict


def holds(says: str, numbers: Mapping[str, float] | None = None) -> Verdict:
    """The property holds."""
    return Verdict(True, says, numbers or {})


def broken(
    says: str, given: Given | None, numbers: Mapping[str, float] | None = None, cause: Cause | None = None
) -> Verdict:
    """The property is broken; ``given`` is the smallest call that shows it."""
    return Verdict(False, says, numbers or {}, Standing.BROKEN, "" if given is None else told(given), cause)


def allowed(says: str, given: Given | None = None, numbers: Mapping[str, float] | None = None) -> Verdict:
    """The contract leaves open what it does."""
    return Verdict(True, says, numbers or {}, Standing.ALLOWED, "" if given is None else told(given))


def not_applicable(says: str) -> Verdict:
    """It takes nothing that the property speaks of."""
    return Verdict(True, says, {}, Standing.NOT_APPLICABLE)
