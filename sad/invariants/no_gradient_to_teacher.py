"""No gradient reaches the teacher through the loss, and none of the student's comes by way of the target.

## Property
With teacher's logits that ask for a gradient, they get none, and the student's gradient is the one that it has when
the teacher's ask for none. A loss that lets one through is allowed unless its contract is strict: then its caller
must compute the teacher without gradients. It breaks the property where the student's own gradient is another.

## Why it must hold
A target that can be moved is moved: the loss falls because the teacher comes to the student. Where both share weights
(self-distillation, adapters on one base, a moving average) it needs no optimizer of the teacher.

## Tolerance
None for the teacher: no gradient, or exactly zero. The student's by the float noise of `sad/subjects/probe/compare.py`.

## What breaks it
A target that is not detached; the mixture of a JSD that is differentiated on both sides; roles that are exchanged.
"""

from __future__ import annotations

from functools import partial

from sad.subjects.divergence import Divergence, Given
from sad.subjects.probe.compare import apart
from sad.subjects.probe.inputs import Shape, call, smallest
from sad.subjects.probe.measure import measure
from sad.subjects.probe.verdicts import allowed, broken, holds
from sad.verdict import Verdict

ID = "I13"


def no_gradient_to_teacher(divergence: Divergence) -> Verdict:
    """Judge what reaches the teacher's logits, and whether the student's gradient depends on it."""
    for fault in (_other, _reached):
        says, example = smallest(partial(fault, divergence))
        if says and (fault is _other or divergence.contract.strict):
            return broken(says, example)
        if says:
            return allowed(f"{says}: the teacher must run without gradients", example)
    return holds("the teacher gets none, the student's is the same with a teacher that asks for one")


def _other(divergence: Divergence, shape: Shape) -> tuple[str, Given | None]:
    """Whether the student gets another gradient where the teacher's logits ask for one; or the teacher alone does."""
    given = call(divergence.contract, shape)
    held, got = measure(divergence, given), measure(divergence, given, ask_teacher=True)
    if held.raised:
        return f"it raises {held.raised}", given
    if not got.gradient.any() and got.teacher is not None and got.teacher.any():
        return "the teacher gets the gradient, and the student none", given
    # one that refuses such a teacher keeps the property in its own way
    says = "" if got.raised else apart(divergence.contract, given, held, got)
    return (f"with a teacher that asks for a gradient the student's is another: {says}" if says else ""), given


def _reached(divergence: Divergence, shape: Shape) -> tuple[str, Given | None]:
    given = call(divergence.contract, shape)
    got = measure(divergence, given, ask_teacher=True)
    if got.teacher is None or not got.teacher.any():
        return "", given
    norm, own = float(got.teacher.norm()), float(got.gradient.norm())
    return f"the teacher's logits get a gradient of norm {norm:.2g}, the student's one of {own:.2g}", given
