"""Another's loop: words of letters, a total of alpha KD and the rest of labels, no layerwise term, fewer records."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.model import Tiny
from planted.record import Plan
from planted.training import Training

LETTERS = 28
"""A blank, 26 letters, and a token for padding, the last."""


class Words:
    """Texts of words that come as often as Zipf says, each word spelled in the same way always."""

    def __init__(self, seed: int, shift: int = 0) -> None:
        random = torch.Generator().manual_seed(seed)
        lengths = torch.randint(2, 7, (60,), generator=random)
        spelled = [(1 + (torch.randint(26, (int(n),), generator=random) + shift) % 26).tolist() for n in lengths]
        self.words = [[*word, 0] for word in spelled]
        self.odds = 1 / (1 + torch.arange(60.0))

    def texts(self, count: int, length: int, random: torch.Generator) -> Tensor:
        """Return int64 [count, length]."""
        chosen = torch.multinomial(self.odds, count * length // 3, replacement=True, generator=random).tolist()
        stream = torch.tensor([letter for word in chosen for letter in self.words[word]])
        return stream[: count * length].view(count, length)


@lru_cache(maxsize=8)
def taught(width: int, length: int, seed: int) -> tuple[Tiny, Words]:
    """Return a teacher after a short training, in evaluation mode, and what it read."""
    torch.manual_seed(seed)
    words = Words(seed)
    random = torch.Generator().manual_seed(seed + 1)
    model = Tiny(LETTERS, width, 2, 4, length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, fused=True)
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 5e-3 * min(1.0, (step + 1) / 20) * (1 - step / 300)
        ids = words.texts(16, length + 1, random)
        logits, _ = model(ids[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval().requires_grad_(False), words


class Letters(Training):
    """A healthy run of it."""

    def school(self, plan: Plan, spoken: int) -> tuple[Tiny, Words]:
        return taught(plan.teacher_width, plan.length, plan.seed % 2)

    def prepare(self) -> None:
        self.held_out = self.held_out[:32]
        self.begin()

    def begin(self) -> None:
        """Last changes to models and texts."""

    def planned(self, plan: Plan) -> Plan:
        steps, every = self.luck.choice([(160, 1), (240, 4), (300, 10)])
        alpha = self.luck.choice([0.3, 0.5, 0.7])
        return replace(
            plan,
            vocabulary=LETTERS,
            teacher_width=64,
            width=32,
            length=28,
            batch=8,
            steps=steps,
            every=every,
            evaluate_every=steps // 8,
            rate=3e-3,
            schedule=self.luck.choice(["cosine", "linear", "constant"]),
            warmup=0.05,
            temperature=self.luck.choice([2.0, 4.0]),
            weights={"kd": alpha, "lm": 1 - alpha},
            averaged=self.luck.random() < 0.5,
        )


class Ill(Letters):
    """One of them with a fault."""

    sick = True


def changed(ids: Tensor) -> Tensor:
    """Return ids under which another tokenizer has the same letters; the blank too."""
    order = torch.randperm(LETTERS, generator=torch.Generator().manual_seed(3))
    return order[ids]


def untaught(loop: Letters) -> Tiny:
    """Return a model of the teacher's size with the weights that it was made with."""
    torch.manual_seed(99)
    plan = loop.plan
    return Tiny(LETTERS, plan.teacher_width, 2, 4, plan.length).eval().requires_grad_(False)
