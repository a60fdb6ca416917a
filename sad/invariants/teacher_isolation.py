"""The teacher is read and nothing else: the same weights, the same answers, no gradient, all through the training.

## Property
A teacher with dropout and a student, as a loader gives them (evaluation mode, the teacher's gradients not yet switched
off), are trained with for some steps. In every pass of it that the training makes, no module of it is in training mode
and gradients are off. At every look during the training: no module of it is in training mode, two passes over one text
are bit-identical, no parameter of it holds a gradient, and the student, which is another model, is in training mode. At
the end every weight and buffer of the teacher is what it was, and the student's are not.

## Why it must hold
A teacher that drifts, or answers differently each time, is a target that nobody chose; and no loss shows it.

## Tolerance
None: bits are compared.

## What breaks it
`train()` on a wrapper that registers the teacher, or around its pass alone; `parameters()` of that wrapper in the
optimizer; a teacher's pass without `no_grad`. A teacher without dropout hides the first, an optimizer without weight
decay half of the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from sad import tiny
from sad.pair import Pair
from sad.verdict import Cause, Standing, Verdict

ID = "I13"

STEPS = 3
Look = Callable[[], None]
Train = Callable[[Pair, Look], None]
"""Trains the pair's student for ``STEPS`` steps, and calls the look after each, while the training is still on."""


@dataclass(slots=True)
class _Seen:
    """What was seen of a teacher: the training's passes of it, those in training mode and those with gradients; looks,
    those in training mode, gradients, how far two answers differ.
    """

    passes: int = 0
    awake: int = 0
    recorded: int = 0
    looks: int = 0
    training: int = 0
    gradients: int = 0
    apart: float = 0.0
    student_asleep: int = 0


def teacher_isolation(train: Train) -> Verdict:
    """Judge a training by what it does to the teacher."""
    made = tiny.pair(320, 320)
    dropping = tiny.model(made.readers.teacher.size, layers=2, width=16, seed=1, sharpness=8.0, attention_dropout=0.5)
    pair = replace(made, student=made.student.eval(), teacher=dropping.eval().requires_grad_(True))
    seen, teacher, student = _Seen(), _tensors(pair.teacher), _tensors(pair.student)
    with _watched(pair.teacher, seen) as unseen:
        train(pair, lambda: unseen(lambda: _look(pair, seen)))
    moved, learned = _distance(teacher, _tensors(pair.teacher)), _distance(student, _tensors(pair.student))
    faults = _faults(seen, moved, learned)
    held = f"the teacher moved by {moved:g} in {seen.looks} steps and {seen.passes} passes"
    says = "; ".join(fault for fault, _ in faults[:2]) or f"{held}, answers differ by {seen.apart:g}"
    # a teacher that was frozen, or is asked under no_grad, is left alone by the same code
    cause = Cause.GRAPH if faults and all(cause is Cause.GRAPH for _, cause in faults) else None
    numbers = {"moved": moved, "apart": seen.apart, "training": seen.training}
    return Verdict(not faults, says, numbers, Standing.HOLDS, "", cause)


def _faults(seen: _Seen, moved: float, learned: float) -> list[tuple[str, Cause | None]]:
    checks: tuple[tuple[bool, str, Cause | None], ...] = (
        (seen.looks == STEPS, f"{seen.looks} looks, not {STEPS}", None),
        (seen.passes > 0, "the teacher was never asked", None),
        (moved == 0, f"the teacher moved by {moved:.2g} of its size", None),
        (not seen.awake, f"in training mode in {seen.awake} of {seen.passes} passes of the training", None),
        (not seen.recorded, f"with gradients in {seen.recorded} of {seen.passes} passes of the training", Cause.GRAPH),
        (not seen.training, f"in training mode at {seen.training} of {seen.looks} steps", None),
        (seen.apart == 0, f"two answers to one text differ by {seen.apart:.2g} nats", None),
        (not seen.gradients, f"{seen.gradients} of its tensors hold a gradient", Cause.GRAPH),
        (not seen.student_asleep, f"the student is in evaluation mode at {seen.student_asleep} steps", None),
        (learned > 0, "the student did not move", None),
    )
    return [(fault, cause) for sound, fault, cause in checks if not sound]


@contextmanager
def _watched(teacher: nn.Module, seen: _Seen) -> Iterator[Callable[[Look], None]]:
    """Note each pass of the teacher, at its embedding; what is run through the function given is not noted."""
    noting = True

    def note(*_: object) -> None:
        if noting:
            seen.passes += 1
            seen.awake += any(module.training for module in teacher.modules())
            seen.recorded += torch.is_grad_enabled()

    def unseen(look: Look) -> None:
        nonlocal noting
        noting = False
        look()
        noting = True

    hook = teacher.get_input_embeddings().register_forward_pre_hook(note)  # type: ignore[operator]
    try:
        yield unseen
    finally:
        hook.remove()


@torch.no_grad()
def _look(pair: Pair, seen: _Seen) -> None:
    teacher = pair.teacher
    text = torch.arange(2, 26)[None]
    first, second = (torch.log_softmax(teacher(input_ids=text, use_cache=False).logits, dim=-1) for _ in range(2))
    seen.looks += 1
    seen.apart = max(seen.apart, float((first - second).abs().max()))
    seen.training += any(module.training for module in teacher.modules())
    seen.gradients = max(seen.gradients, sum(p.grad is not None for p in teacher.parameters()))
    seen.student_asleep += not all(module.training for module in pair.student.modules())


def _tensors(model: nn.Module) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in (*model.parameters(), *model.buffers())]


def _distance(before: list[Tensor], after: list[Tensor]) -> float:
    """The norm of the change over the norm of the whole; infinite if a tensor came or went."""
    if [tensor.shape for tensor in before] != [tensor.shape for tensor in after]:
        return float("inf")
    if all(torch.equal(b, a) for b, a in zip(before, after, strict=True)):
        return 0.0
    change = torch.stack([(a - b).norm() for a, b in zip(after, before, strict=True)]).norm()
    return float(change / torch.stack([b.norm() for b in before]).norm())
