"""Calls a divergence once and writes down what came out: value, gradients, or that it raised."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from sad.subjects.divergence import Divergence, Given, narrowed


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One call. ``gradient`` is the student's in float64: zero where none came, and then ``attached`` is False.

    ``teacher`` is the teacher's gradient in float64, None if none came. ``raised`` is what was raised, if anything
    was; all else is then NaN. ``changed`` says whose logits the call has overwritten, if anyone's.
    """

    value: float
    gradient: Float[Tensor, "batch length vocab"]
    attached: bool = True
    teacher: Float[Tensor, "batch length vocab"] | None = None
    raised: str = ""
    changed: str = ""

    @property
    def finite(self) -> bool:
        """Whether value and gradient are."""
        return self.value - self.value == 0 and bool(self.gradient.isfinite().all())


def measure(divergence: Divergence, given: Given, times: float = 1.0, *, ask_teacher: bool = False) -> Measured:
    """Call ``divergence`` on copies of the logits, without what it does not take, and send the gradient back.

    The loss is multiplied by ``times`` before it is sent back; the value is not. With ``ask_teacher`` the teacher's
    logits ask for a gradient, as they do not in training. Whatever it raises is written down.
    """
    leaf = given.student_logits.detach().clone().requires_grad_()
    teacher_leaf = given.teacher_logits.detach().clone().requires_grad_(ask_teacher)
    # what a model gives is no leaf: it may be overwritten
    student, teacher = leaf.clone(), teacher_leaf.clone()
    call = narrowed(divergence.contract, replace(given, student_logits=student, teacher_logits=teacher))
    try:
        with torch.enable_grad():
            loss = divergence.loss(call)
            if loss.requires_grad:
                (times * loss).backward()  # type: ignore[no-untyped-call]
            value = float(loss.detach())
    except Exception as error:
        # whatever code under check raises is a finding, not an end
        told = f"{type(error).__name__}: {str(error).split(chr(10))[0]}"
        return Measured(torch.nan, torch.full_like(leaf, torch.nan, dtype=torch.float64), False, None, told)
    gradient = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
    theirs = None if teacher_leaf.grad is None else teacher_leaf.grad.double()
    both = {"the student's logits": (student, leaf), "the teacher's logits": (teacher, teacher_leaf)}
    changed = " and ".join(name for name, (now, before) in both.items() if not torch.equal(now, before))
    # a NaN equals nothing, itself included
    known = given.student_logits.isfinite().all() and given.teacher_logits.isfinite().all()
    return Measured(value, gradient.double(), leaf.grad is not None, theirs, changed=changed if known else "")
