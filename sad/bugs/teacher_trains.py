"""The teacher trains: in training mode, or in the optimizer

## Symptom
None in any loss. The same text gets another target each time, or the teacher's own scores get slowly worse.

## Mechanism
The teacher is a submodule of the module that trains. `train()` on the wrapper reaches it, so its dropout is on; and
`parameters()` of the wrapper puts it into the optimizer. Its pass runs with gradients, so it learns to please the
student, and weight decay shrinks it.

## What its documented fix did
There was none: the teacher of that run has no dropout, and its optimizer never stepped. Elsewhere the fix is half of
it: `no_grad` around the pass keeps the weights, not the mode; `eval()` once, before the first `train()`, keeps
neither.

## Fix
The teacher is outside the module that trains: out of `parameters()`, of `train()`, of every saved state; frozen and in
evaluation mode from then on (`sad/distiller.py`). The optimizer is given the student and the projectors by name, and
nothing else moves a weight (`_update` in `sad/train/step.py`).

## Source
rakeshb49/student_aware_distillation, utils/training.py; yolov8_Distillation 5 and 16, lightly-train 352 and 434,
knowledge-distillation-pytorch 25; S11 and E02 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad import tiny
from sad.bug import Bug
from sad.invariants.teacher_isolation import STEPS, Look, Train, teacher_isolation
from sad.pair import Pair


class _Wrapper(nn.Module):
    """Student and teacher in one module; ``frozen`` runs the teacher without gradients."""

    def __init__(self, pair: Pair, *, frozen: bool) -> None:
        super().__init__()
        self.student, self.teacher, self.frozen = pair.student, pair.teacher, frozen

    def forward(self, text: Tensor) -> Tensor:
        """Return the mean KL of the two on one text."""
        with torch.set_grad_enabled(not self.frozen):
            log_p = torch.log_softmax(self.teacher(input_ids=text, use_cache=False).logits[0], dim=-1)
        log_q = torch.log_softmax(self.student(input_ids=text, use_cache=False).logits[0], dim=-1)
        return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


class _Shown(tiny.Silent):
    """Lets somebody look after each step."""

    def __init__(self, look: Look) -> None:
        self.look = look

    def step(self, *_: object) -> None:
        """Look."""
        self.look()


def buggy() -> Train:
    """A wrapper in training mode, all of its parameters in the optimizer."""
    return lambda pair, look: _loop(_Wrapper(pair, frozen=False), look)


def no_grad_only() -> Train:
    """The teacher's pass without gradients, and nothing else."""
    return lambda pair, look: _loop(_Wrapper(pair, frozen=True), look)


def fixed() -> Train:
    """The training loop."""

    def train(pair: Pair, look: Look) -> None:
        changes = {"train": {"max_steps": STEPS, "batch_size": 1, "eval_every": 1, "weight_decay": 0.1}}
        tiny.train(tiny.plan({**changes, "data": {"eval_windows": 1}}, of=pair), watch=_Shown(look))

    return train


def _loop(wrapper: _Wrapper, look: Look) -> None:
    optimizer = torch.optim.AdamW(wrapper.parameters(), lr=1e-3, weight_decay=0.1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for step in range(STEPS):
            wrapper.train()
            optimizer.zero_grad()
            wrapper(torch.arange(step, step + 24)[None]).backward()
            optimizer.step()
            look()


BUG = Bug(
    "V110",
    "teacher-trains",
    __doc__,
    (teacher_isolation,),
    buggy,
    fixed,
    {"no_grad around its pass": no_grad_only},
    covers=("S11", "E02"),
)
