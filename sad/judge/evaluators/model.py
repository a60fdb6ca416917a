"""A model whose logits on some texts are known, called like a model of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from sad.judge.dicts import Batch, Output
from sad.judge.stand_in import ids_of, nothing
from sad.judge.steps.model import LEAVES, SIZES, is_mask
from sad.subjects.text_loss import IGNORED

GARBAGE = 50.0
"""The logit of a token at places of no text: what counts them is far off."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A text in ids, and the logits after each of its tokens."""

    ids: tuple[int, ...]
    logits: Float[Tensor, "length vocab"]


class Recaller(nn.Module):
    """Gives the logits of each text that it knows, wherever it stands in a row; it has dropout, and one weight."""

    def __init__(self, texts: Sequence[Known]) -> None:
        super().__init__()
        # the longest first: a short text may be part of another
        self.__dict__["texts"] = sorted(texts, key=lambda text: -len(text.ids))
        self.vocabulary = texts[0].logits.shape[-1] if texts else 2
        self.norm, self.drop = nn.Identity(), nn.Dropout(0.5)
        self.scale = nn.Parameter(torch.ones(()))
        self.config = Batch(vocab_size=self.vocabulary, hidden_size=8, use_cache=False, model_type="recaller", **SIZES)
        self.device = torch.device("cpu")
        self.dtype = torch.float32

    def forward(
        self,
        input_ids: Tensor | None = None,
        second: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **more: Any,  # noqa: ANN401 - whatever models take
    ) -> Any:  # noqa: ANN401 - an output, or a pair
        """Return an output with logits [batch, length, vocab], and the mean loss of labels where there are some.

        What is given second, as ``targets``, or as ``lm_labels`` with their ``lm_mask``, is a mask, or else the token
        after each: then a pair of the logits and their loss is returned, and with a ``loss_reduction`` the loss alone.
        """
        del attention_mask
        # labels with a mask of their own are those of the next token
        second = more.pop("lm_labels" if "lm_mask" in more else "targets", second)
        rows = torch.stack([self.recalled(row) for row in ids_of(input_ids, more)])
        logits = self.drop(self.norm(rows)) * self.scale
        if second is not None and not is_mask(second):
            how = more.get("loss_reduction", "mean")
            loss = F.cross_entropy(logits.flatten(0, 1), second.flatten(), ignore_index=IGNORED, reduction=how)
            return loss if "loss_reduction" in more else (logits, loss)
        if labels is None:
            return Output(logits=logits)
        following = labels[:, 1:].flatten()
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), following, ignore_index=IGNORED, reduction="sum")
        count = more.get("num_items_in_batch") or (following != IGNORED).sum()
        return Output(loss=loss / count, logits=logits)

    def get_device(self) -> torch.device:
        """Return where it is."""
        return self.device

    def recalled(self, row: Int[Tensor, " length"]) -> Float[Tensor, "length vocab"]:
        """Return the logits of a row: those of the texts in it, whole or without their last token at its end."""
        ids = row.tolist()
        found = torch.zeros(len(ids), self.vocabulary)
        found[:, 0] = GARBAGE
        taken = [False] * len(ids)
        for text in self.__dict__["texts"]:
            at = _start(ids, text.ids)
            if at is None or any(taken[at : at + len(text.ids)]):
                continue
            length = min(len(text.ids), len(ids) - at)
            found[at : at + length] = text.logits[:length]
            taken[at : at + length] = [True] * length
        return found


for _one in LEAVES:
    setattr(Recaller, _one, nothing)


def _start(row: list[int], text: tuple[int, ...]) -> int | None:
    """Where a text begins in a row; an evaluator that reads all but the last column has cut its last token."""
    whole, size = list(text), len(text)
    at = next((i for i in range(len(row) - size + 1) if row[i : i + size] == whole), None)
    short = whole[:-1]
    cut = short and row[-len(short) :] == short and len(row) >= len(short)
    return at if at is not None or not cut else len(row) - len(short)
