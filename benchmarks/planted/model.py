"""A pair of tiny transformers and the language that they read: small enough for hundreds of runs on one thread."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """Causal self-attention and an MLP, each behind a norm."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.before_attention(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.drop(self.out(mixed.transpose(1, 2).reshape(batch, length, width)))
        further: Tensor = self.drop(self.down(F.gelu(self.up(self.before_mlp(x)))))
        return x + further


class Tiny(nn.Module):
    """A language model. ``forward`` gives the logits, float [batch, length, vocabulary], and the last hidden states.

    ``massive`` is what a teacher's residual stream has at the first position, in one feature: see Sun et al. 2024.
    """

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, length: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList([Block(width, heads, dropout) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        self.massive = 0.0
        for table in (self.token, self.place):
            nn.init.normal_(table.weight, std=0.05)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        x = self.token(ids) + self.place(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        if self.massive:
            x = x.clone()
            x[:, 0, 0] += self.massive
        return logits, x


class Language:
    """Texts in which the next token depends on the last one and on the topic; a few tokens are noise."""

    def __init__(self, vocabulary: int, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        self.vocabulary = vocabulary
        self.next = torch.randint(vocabulary, (2, vocabulary, 6), generator=random)
        self.odds = torch.tensor([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])

    def texts(self, count: int, length: int, random: torch.Generator) -> Tensor:
        """Return int64 [count, length]."""
        ids = torch.randint(self.vocabulary, (count, length), generator=random)
        topic = torch.randint(2, (count,), generator=random)
        choice = torch.multinomial(self.odds, count * length, replacement=True, generator=random).view(count, length)
        noise = torch.rand(count, length, generator=random) < 0.05
        for at in range(1, length):
            follows = self.next[topic, ids[:, at - 1], choice[:, at]]
            ids[:, at] = torch.where(noise[:, at], ids[:, at], follows)
        return ids


@lru_cache(maxsize=32)
def trained_teacher(vocabulary: int, width: int, length: int, seed: int, spoken: int) -> tuple[Tiny, Language]:
    """Return a teacher after a short training on its language, in evaluation mode, and the language.

    The language has the first ``spoken`` tokens of the vocabulary only.
    """
    torch.manual_seed(seed)
    language = Language(spoken, seed)
    random = torch.Generator().manual_seed(seed + 1)
    model = Tiny(vocabulary, width, 2, 4, length)
    steps, rate = 260, 8e-3
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, fused=True)
    texts = language.texts(steps * 12, length + 1, random)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / 20) * (1 - step / steps)
        ids = texts[step * 12 : step * 12 + 12]
        logits, _ = model(ids[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval().requires_grad_(False), language
