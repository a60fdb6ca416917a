"""A causal language-model loss of some texts, and the collator that makes a batch of them, as anyone may write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

IGNORED = -100
"""The label of a place that is no target."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in token ids: a prompt that is read, which may be empty, and a completion that is to be learned.

    The completion holds its end mark.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """All of it."""
        return self.prompt + self.completion

    @property
    def first(self) -> int:
        """The place of the first target: nothing predicts the first token of a text."""
        return max(1, len(self.prompt))


@dataclass(frozen=True, slots=True)
class Marks:
    """The ids of a tokenizer's end and padding marks; where it has no padding mark, both are often one."""

    eos: int
    pad: int


@dataclass(frozen=True, slots=True, eq=False)
class Collated:
    """What a model is given. ``labels`` are -100 where nothing is to be learned.

    ``attention_mask`` is 1 on tokens and 0 on padding, or says for every place of a row which places it sees (True).
    Where ``shifted`` is False, place i predicts the label of place i + 1; otherwise its own.
    """

    input_ids: Int[Tensor, "batch length"]
    labels: Int[Tensor, "batch length"]
    attention_mask: Shaped[Tensor, "batch length"] | Shaped[Tensor, "batch 1 length length"] | None = None
    position_ids: Int[Tensor, "batch length"] | None = None
    shifted: bool = False


Collate = Callable[[Sequence[Text], Marks], Collated]
"""Makes one batch of texts, which are never none."""

TextLoss = Callable[[nn.Module, Sequence[Text], Marks], Float[Tensor, ""]]
"""The loss of one batch of texts, which are never none, with a gradient to the model.

The model is a causal LM with the call of transformers: ``model(input_ids=…, attention_mask=…, position_ids=…,
labels=…)`` gives an output with ``logits`` [batch, length, vocab], and with ``loss`` where it is given labels.
"""


DistilledLoss = Callable[[nn.Module, nn.Module, Sequence[Text], Marks], Float[Tensor, ""]]
"""The same of a student and a teacher that share one tokenizer; the teacher gets no gradient."""


def collated_loss(collate: Collate) -> TextLoss:
    """Return the mean cross-entropy over the labels that a collator makes: the textbook loss, to judge a collator."""

    def loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        batch = collate(texts, marks)
        return cross_entropy(run(model, batch), batch.labels, shifted=batch.shifted)

    return loss


def run(model: nn.Module, batch: Collated) -> Float[Tensor, "batch length vocab"]:
    """Return a causal LM's logits on a batch; what the batch leaves out, the model decides."""
    given = {"attention_mask": batch.attention_mask, "position_ids": batch.position_ids}
    out = model(input_ids=batch.input_ids, use_cache=False, **{k: v for k, v in given.items() if v is not None})
    logits: Tensor = out.logits
    return logits


def cross_entropy(
    logits: Float[Tensor, "batch length vocab"], labels: Int[Tensor, "batch length"], *, shifted: bool
) -> Float[Tensor, ""]:
    """Return nats per label that counts; 0, with a gradient of 0, where none does."""
    if not shifted:
        logits, labels = logits[:, :-1], labels[:, 1:]
    summed = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return summed / (labels != IGNORED).sum().clamp_min(1)


def padded(rows: Sequence[Sequence[int]], fill: int, *, left: bool = False) -> Int[Tensor, "batch length"]:
    """Return rows filled up to the longest of them, on the right or on the left."""
    longest = max(map(len, rows))
    fills = [[fill] * (longest - len(row)) for row in rows]
    return torch.tensor([[*f, *r] if left else [*r, *f] for r, f in zip(rows, fills, strict=True)])


def labels(text: Text) -> list[int]:
    """Return a text's ids with -100 in place of its prompt."""
    return [IGNORED] * len(text.prompt) + list(text.completion)
