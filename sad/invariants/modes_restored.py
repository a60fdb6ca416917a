"""A pass of the teacher leaves the student as it was, and the student trains with its dropout.

## Property
A student is in training mode but for one module, which is meant to sleep. After a pass of the teacher, and after an
evaluation, every module of the student is in the mode it was in. The passes themselves answer the same twice, and the
student, trained on one text twice, does not. No pass keeps anything for a gradient, and none leaves a hook behind.

## Why it must hold
Where teacher and student are one module with an adapter switched on and off, `eval()` on the one is `eval()` on the
other: from the first teacher's pass on the student trains without dropout. The loss looks better for it.
A graph that nobody goes back through, and hooks that are never removed, cost memory and time at every step.

## Tolerance
None: modes are compared, and answers bit by bit.

## What breaks it
`teacher.eval()` on a shared module and nothing afterwards; `train()` afterwards, which wakes what was to sleep (a
frozen norm, a frozen tower); no `eval()` at all, so that the teacher answers with the student's dropout; an evaluation
without `no_grad`; a hook that is put on at each pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from sad.verdict import Cause, Standing, Verdict

ID = "I13"

Answer = Callable[[], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """A student with dropout, what is done between its steps, and its own pass as the training runs it.

    ``passes`` are the teacher's and, where there is one, the evaluation; each returns what it found.
    """

    student: nn.Module
    passes: Mapping[str, Answer]
    trained: Answer


def modes_restored(given: Passes) -> Verdict:
    """Judge what each pass leaves behind."""
    student = given.student.train()
    asleep = next(module for module in student.modules() if not any(True for _ in module.children()))
    asleep.eval()
    wanted = {name: module.training for name, module in student.named_modules()}
    faults = list[tuple[str, Cause | None]]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for name, run in given.passes.items():
            hooks, kept = _hooks(student), list[Tensor]()
            with torch.autograd.graph.saved_tensors_hooks(partial(_keep, kept), lambda of: of):
                first, second = run().detach(), run().detach()
            if kept:
                faults.append((f"{name} keeps {len(kept)} tensors for a gradient", Cause.GRAPH))
            if left := _hooks(student) - hooks:
                faults.append((f"{name} leaves {left} hooks on the student", None))
            if not torch.equal(first, second):
                off = float((first - second).abs().max())
                faults.append((f"{name}: two answers to one text differ by {off:.2g}", None))
            now = {n: module.training for n, module in student.named_modules()}
            slept, woken = sum(wanted[n] and not now[n] for n in now), sum(now[n] and not wanted[n] for n in now)
            if slept:
                says = f"after {name} {slept} of {len(now)} modules of the student have left training mode"
                faults.append((says, Cause.MODES))
            if woken:
                faults.append((f"after {name} {woken} modules are in training mode that were not", Cause.MODES))
        apart = float((given.trained().detach() - given.trained().detach()).abs().max())
    if not apart > 0:
        # what was left in evaluation mode has no dropout either
        asleep_now = any(cause is Cause.MODES for _, cause in faults)
        faults.append(("the student trains without dropout", Cause.MODES if asleep_now else None))
    causes = [cause for _, cause in faults]
    held = f"{', '.join(given.passes)}: modes as before; dropout moves the student by {apart:.2g}"
    says = "; ".join(said for said, _ in faults[:2]) or held
    cause = None if None in causes else next(iter(causes), None)
    return Verdict(not faults, says, {"faults": len(faults), "apart": apart}, Standing.HOLDS, "", cause)


def _keep(kept: list[Tensor], one: Tensor) -> Tensor:
    kept.append(one)
    return one


def _hooks(model: nn.Module) -> int:
    """How many hooks wait for a forward pass."""
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())
