"""A student that is a table, called like a model of transformers, and the batches that it is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from sad.judge.dicts import Batch, Output, anew
from sad.judge.own_loaders import Collates
from sad.judge.stand_in import IDS, ids_of, nothing
from sad.subjects.plain.loop import VOCABULARY, make_table
from sad.subjects.text_loss import IGNORED

SIZES = dict.fromkeys(("block_size", "max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"), 64)
"""Tokens that a model reads at the most, by the names that configurations have for it: more than any text here has."""


LEAVES = (
    *("gradient_checkpointing_enable", "gradient_checkpointing_disable", "enable_input_require_grads", "tie_weights"),
    *("resize_token_embeddings", "save_pretrained", "push_to_hub"),
)
"""Methods of models that change no number here."""


class Answer(Output):
    """An output that has the loss of a mixture's experts too, which is none here."""

    @property
    def aux_loss(self) -> Tensor:
        """Return 0."""
        return torch.zeros((), dtype=torch.float64)


class Bigram(nn.Module):
    """Logits after a token are its row of a table, in float64."""

    def __init__(self, seed: int, sharpness: float = 1.0) -> None:
        super().__init__()
        self.rows = nn.Embedding(VOCABULARY, VOCABULARY, dtype=torch.float64)
        self.rows.weight.data = make_table(seed=seed, sharpness=sharpness)
        self.config = Batch(
            vocab_size=VOCABULARY, hidden_size=VOCABULARY, use_cache=False, model_type="bigram", **SIZES
        )
        self.device, self.dtype = torch.device("cpu"), torch.float64

    def get_input_embeddings(self) -> nn.Module:
        """Return the table."""
        return self.rows

    def forward(
        self,
        input_ids: Int[Tensor, "batch length"] | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **more: Any,  # noqa: ANN401 - whatever models take
    ) -> Any:  # noqa: ANN401 - an output, or a pair
        """Return logits [batch, length, vocab], and where labels are given their loss: a mean, or over a count.

        What is given second, or as ``targets``, is a mask, or else the token after each: then a pair of the logits and
        their mean loss is returned, as by models like nanoGPT's.
        """
        read = ids_of(input_ids, more)
        second = more.get("targets", attention_mask)
        logits = self.rows(read)
        if second is not None and not is_mask(second):
            same = read[:, 1:] == second[:, :-1]
            if read.shape != second.shape or not bool(same[second[:, :-1] != IGNORED].all()):
                raise TypeError("its targets are the tokens themselves, not those after each")
            return logits, F.cross_entropy(logits.flatten(0, 1), second.flatten(), ignore_index=IGNORED)
        if labels is None:
            return Answer(logits=logits)
        following = labels[:, 1:].flatten()
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), following, ignore_index=IGNORED, reduction="sum")
        return Answer(loss=loss / (num_items_in_batch or (following != IGNORED).sum()), logits=logits)


def clipped(self: nn.Module, max_norm: float, *_: object) -> Tensor:
    """Clip the gradients of a model, as one that is sharded does it itself."""
    return torch.nn.utils.clip_grad_norm_(self.parameters(), max_norm)


for _one in LEAVES:
    setattr(Bigram, _one, nothing)


def is_mask(second: Tensor) -> bool:
    """Whether it says which places are read; of no place at all it is none."""
    return second.dtype == torch.bool or (second.numel() > 0 and bool(((second == 0) | (second == 1)).all()))


class Bare(nn.Module):
    """A model that returns the logits of another alone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.config = getattr(inner, "config", None)
        self.device, self.dtype = torch.device("cpu"), getattr(inner, "dtype", torch.float32)

    def forward(self, *given: Any, **named: Any) -> Tensor:  # noqa: ANN401 - whatever the other takes
        """Return logits [batch, length, vocab]."""
        alias = next((name for name in IDS if name in named), "")
        if alias:
            named["input_ids"] = named.pop(alias)
        logits: Tensor = self.inner(*given, **named).logits
        return logits


for _kind in (Bigram, Bare):
    _kind.clip_grad_norm_ = clipped  # type: ignore[union-attr]


class First(Bare):
    """A classifier: it returns the logits after the first token of each example alone."""

    def forward(self, *given: Any, **named: Any) -> Tensor:  # noqa: ANN401 - whatever the other takes
        """Return logits [batch, classes]."""
        return super().forward(*given, **named)[:, 0]


class Told(nn.Module):
    """A classifier like those of transformers: an output with logits after the first token, and the loss of classes."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.config = inner, getattr(inner, "config", None)
        self.device, self.dtype = torch.device("cpu"), getattr(inner, "dtype", torch.float32)

    def forward(self, *given: Any, labels: Tensor | None = None, **named: Any) -> Output:  # noqa: ANN401 - whatever models take
        """Return logits [batch, classes], and the mean loss of labels [batch] where there are some."""
        logits = self.inner(*given, **named).logits[:, 0]
        return Output(logits=logits) if labels is None else Output(loss=F.cross_entropy(logits, labels), logits=logits)


def batch(texts: Sequence[Int[Tensor, " token"]], padding: int = 0) -> Batch:
    """Return texts as a padded batch, with so much more padding behind all: input_ids, attention_mask, labels."""
    longest = max(map(len, texts)) + padding
    ids, mask = (torch.zeros(len(texts), longest, dtype=torch.long) for _ in range(2))
    labels = torch.full_like(ids, IGNORED)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = labels[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return Batch(input_ids=ids, attention_mask=mask, labels=labels)


def count(some: Batch) -> int:
    """Return the labels of a batch that are predicted."""
    return int((some["labels"][:, 1:] != IGNORED).sum())


class Next:
    """Returns the next batch whenever it is called, the first after the last."""

    def __init__(self, batches: Sequence[Any], look: Callable[[], None] | None = None) -> None:
        self.batches, self.look, self.place = batches, look, 0

    def __call__(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - a batch of any form
        """Return it, whatever split is asked for; where no gradients are kept it is for a score, and comes again."""
        if not torch.is_grad_enabled():
            return anew(self.batches[self.place % len(self.batches)])
        if self.place and self.look is not None:
            self.look()
        self.place += 1
        return anew(self.batches[(self.place - 1) % len(self.batches)])


class Splits(dict[str, Any]):
    """A dict of loaders or data sets: what is trained on by its usual names, and by any other what is not."""

    def __init__(self, train: Any, other: Any) -> None:  # noqa: ANN401 - loaders of any kind
        super().__init__(train=train, validation=other)

    def __missing__(self, name: str) -> Any:  # noqa: ANN401
        return self["train" if "train" in name.lower() else "validation"]

    __getattr__ = __missing__


class Sampler:
    """The sampler of a loader, which keeps its order in every epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Keep the order."""


class Loader(Collates):
    """Goes through batches, again each time; ``look`` is called when the next one is asked for. Where it is asked for
    parts it is a dict of them: what is trained on, and ``other``.
    """

    other: Loader | None = None

    def __init__(self, batches: Sequence[Any], look: Callable[[], None] | None = None) -> None:
        self.dataset = self.batches = list(batches)
        self.look = look
        self.batch_size = 1
        self.sampler = self.batch_sampler = Sampler()

    def __getitem__(self, part: str) -> Loader:
        """Return what is trained on, or what is not. Raises TypeError for a place."""
        if not isinstance(part, str):
            raise TypeError("'Loader' object is not subscriptable")
        return self if "train" in part or self.other is None else self.other

    def __contains__(self, part: object) -> bool:
        return part in ("train", "validation", "valid", "dev", "test")

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def dataloader(self) -> Loader:
        """Return itself: a record of a loader and its sampler."""
        return self

    @property
    def num_batches(self) -> int:
        """Return how many batches it has, of which each is one example to whoever counts these."""
        return len(self.batches)

    num_samples = num_batches

    def set_epoch(self, epoch: int) -> None:
        """Keep the order."""

    def __iter__(self) -> Iterator[Any]:
        for one in self.batches:
            yield anew(one)
            if self.look is not None:
                self.look()
