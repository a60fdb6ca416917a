"""A call of the vocabulary pass, small, with everything in an order of its own; and what it should give, in float64."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sad import tiny
from sad.head.linear import Head
from sad.head.target import Live
from sad.head.vocabulary import Compared
from sad.losses.kd import Divergence

ONE, TWO = (40, 40), (40, 52)
VOCABS = {sizes: tiny.pair(*(280 + s for s in sizes)).vocab for sizes in (ONE, TWO)}


def noise(*shape: int, seed: int = 0, size: float = 1.0) -> Tensor:
    return size * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Rig:
    """Twelve labels, seven of them at boundaries, in an order of their own; heads with padding rows."""

    def __init__(self, sizes: tuple[int, int] = ONE, temperature: float = 1.0, **head: Any) -> None:
        vocab = VOCABS[sizes]
        self.hidden = noise(12, 6, seed=1).requires_grad_()
        self.weight = noise(vocab.student_size + 5, 6, seed=2).requires_grad_()
        self.bias = noise(vocab.student_size + 5, seed=3).requires_grad_() if head.pop("bias", False) else None
        self.head = Head(self.weight, self.bias, **head)
        self.token = torch.arange(12) * 17 % vocab.student_size
        self.at = torch.tensor([3, 0, 11, 7, 6, 2, 9])
        self.live = Live(noise(7, 5, seed=4), Head(noise(vocab.teacher_size + 3, 5, seed=5, size=2.0)), vocab)
        self.compared = Compared(self.live, self.at, vocab.student_size, Divergence(temperature=temperature))

    @property
    def leaves(self) -> list[Tensor]:
        return [leaf for leaf in (self.hidden, self.weight, self.bias) if leaf is not None]

    def plain(self, a: float, b: float) -> tuple[float, float, list[Tensor]]:
        """In float64, by autograd, with the factor of the temperature on the gradient of KD."""
        leaves = [leaf.detach().double().requires_grad_() for leaf in self.leaves]
        logits = self.head.scale * (leaves[0] @ leaves[1].T + (leaves[2] if self.bias is not None else 0.0))
        if self.head.softcap:
            logits = self.head.softcap * torch.tanh(logits / self.head.softcap)
        lm = torch.nn.functional.cross_entropy(logits, self.token, reduction="sum")
        heat, vocab = self.compared.divergence.temperature, self.live.vocab
        theirs = (self.live.hidden.double() @ self.live.head.weight.double().T)[:, : vocab.teacher_size] / heat
        p = theirs.softmax(-1)
        if not vocab.identity:
            onto = torch.zeros(7, vocab.student_size, dtype=torch.float64)
            for teacher, student in enumerate(vocab.index.tolist()):
                if student >= 0:
                    onto[:, student] += p[:, teacher]
            p = onto / onto.sum(-1, keepdim=True)
        log_q = (logits[self.at, : vocab.student_size] / heat).log_softmax(-1)
        kd = torch.where(p > 0, p * (p.clamp_min(1e-300).log() - log_q), 0.0).sum()
        loss = a * heat**2 * kd + b * lm
        return float(kd.detach()), float(lm.detach()), list(torch.autograd.grad(loss, leaves))
