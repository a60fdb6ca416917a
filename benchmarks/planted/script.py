"""A loop as one file of a repository has it: forms to be filled in as texts, micro-batches, few evaluations, no weights
in the log.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.model import Tiny
from planted.record import Plan
from planted.training import Training

TOKENS = 72
FILLED = 20
"""The first tokens, which stand in the blanks of a form."""


class Forms:
    """Texts that each follow one of sixteen forms: most tokens are the form's, the others fill its blanks."""

    def __init__(self, seed: int) -> None:
        random = torch.Generator().manual_seed(50 + seed)
        self.forms = torch.randint(FILLED, TOKENS, (16, 64), generator=random)
        self.blank = torch.rand(16, 64, generator=random) < 0.3
        self.odds = 1 / (1 + torch.arange(float(FILLED)))

    def texts(self, count: int, length: int, random: torch.Generator) -> Tensor:
        """Return int64 [count, length]."""
        chosen = torch.randint(16, (count,), generator=random)
        words = torch.multinomial(self.odds, count * length, replacement=True, generator=random).view(count, length)
        return torch.where(self.blank[chosen, :length], words, self.forms[chosen, :length])


@lru_cache(maxsize=4)
def taught(width: int, length: int, seed: int, steps: int) -> tuple[Tiny, Forms]:
    """Return a teacher after ``steps`` of training, in evaluation mode, and what it read."""
    torch.manual_seed(200 + seed)
    forms = Forms(seed)
    random = torch.Generator().manual_seed(300 + seed)
    model = Tiny(TOKENS, width, 2, 4, length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3, fused=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 6e-3 * min(1.0, (step + 1) / 20) * (1 - step / steps)
        ids = forms.texts(16, length + 1, random)
        loss = F.cross_entropy(model(ids[:, :-1])[0].flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval().requires_grad_(False), forms


class Script(Training):
    """A healthy run of it."""

    lessons = 240
    """Steps of the teacher's own training."""

    def school(self, plan: Plan, spoken: int) -> tuple[Tiny, Forms]:
        return taught(plan.teacher_width, plan.length, plan.seed % 2, self.lessons)

    def prepare(self) -> None:
        self.held_out = self.held_out[:24]
        self.begin()

    def begin(self) -> None:
        """Last changes to models and texts."""

    def planned(self, plan: Plan) -> Plan:
        steps, every = self.luck.choice([(240, 8), (275, 5), (230, 2)])
        kd, lm = self.luck.choice([(0.9, 0.1), (1.0, 1.0), (0.6, 0.4)])
        return replace(
            plan,
            vocabulary=TOKENS,
            teacher_width=56,
            width=40,
            length=26,
            batch=4,
            accumulation=2,
            steps=steps,
            every=every,
            evaluate_every=steps // 6,
            rate=self.luck.choice([2e-3, 5e-3]),
            schedule=self.luck.choice(["cosine", "wsd"]),
            warmup=0.08,
            temperature=self.luck.choice([1.0, 3.0]),
            weights={"kd": kd, "lm": lm},
            averaged=self.luck.random() < 0.5,
        )


class Faulty(Script):
    """One of them with a fault."""

    sick = True
