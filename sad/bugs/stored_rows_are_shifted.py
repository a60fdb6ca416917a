"""What the teacher said is stored one place away from where it belongs

## Symptom
None in the log: the loss falls. Texts of one token get nothing from the teacher, and the last token of each text is
lost.

## Mechanism
The teacher's log-probabilities are kept beside the tokens that they are of; the training reads them at the places that
predict these tokens, one before. The labels and the student's log-probabilities are shifted, the teacher's are not. So
each place learns what belongs to its neighbour. A store can go wrong in other ways that are as silent, each of them met
in a released trainer: the list of the likeliest tokens is made to sum to 1, and the mass of all others is forgotten;
ids are those of the teacher's vocabulary; what was stored at temperature 1 is compared with a student at another.

## What its documented fix did
The rows were written one place earlier, with a check that their number is that of the places which predict.

## Fix
A record for each common boundary, found by the number of the example and by nothing else (`sad/cache/part.py`). It is
carried over to the student's tokens before the choice of the likeliest, softened by the temperature of the recipe, and
has the mass of the rest. A cache of other examples, tokenizers or temperature is refused.

## Source
areal-project/AReaL 1728 and 1729: rows one place away. axolotl-ai-cloud/axolotl 2700, a review of a collator: the first
token has no log-probabilities, and the rest moved up. The variants: verl-project/verl 7855 (the tail), huggingface/trl
4562 (the ids).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from sad.align.reader import Reader
from sad.align.vocab import first_tokens
from sad.bug import Bug
from sad.invariants.stored_as_live import stored_as_live
from sad.shipped.stored_teacher import stored_teacher
from sad.subjects.offline import Offline, OfflineLoss

SILENT = -1e3
"""Logits below it are those of a token that is never said."""


class Store:
    """The plainest store: one long table of lists, and where each text begins in it."""

    shift = 0

    def __call__(self, given: Offline) -> Tensor:
        """Store, read back, compare."""
        lists = torch.cat([self.softened(t, given) for t in self.carried(given)])
        k = given.k or lists.shape[1]
        kept, ids = lists.topk(k, dim=-1)
        lengths = [len(t) for t in given.teacher]
        total = torch.zeros((), dtype=torch.float64)
        for number in (number for batch in given.batches for number in batch):
            first = sum(lengths[:number]) + self.shift
            rows = torch.arange(first, first + lengths[number]) % len(lists)
            student = (given.student[number].double() / given.temperature).softmax(dim=-1)
            total = total + self.compared(kept[rows], ids[rows], student).sum()
        # the gradient of the value times temperature squared
        return total.detach() + given.temperature**2 * (total - total.detach())

    def carried(self, given: Offline) -> list[Tensor]:
        """The teacher's logits by the student's ids; both tokenizers have the same tokens."""
        student, teacher = Reader(given.student_tokenizer), Reader(given.teacher_tokenizer)
        index = torch.tensor(first_tokens(student, teacher))
        known = (index >= 0).nonzero().squeeze(1)
        empty = torch.full((1, student.size), 10 * SILENT, dtype=torch.float64)
        return [empty.repeat(len(t), 1).index_copy(1, index[known], t[:, known].double()) for t in given.teacher]

    def softened(self, logits: Tensor, given: Offline) -> Tensor:
        """What is stored of some places: of one at which the teacher says nothing to the student, nothing."""
        said = logits.amax(dim=-1, keepdim=True) > SILENT
        return (logits / given.temperature).softmax(dim=-1) * said

    def compared(self, kept: Tensor, ids: Tensor, student: Tensor) -> Tensor:
        """KL of each place, the rest as one token."""
        q = student.gather(-1, ids)
        rest = student.scatter(-1, ids, 0.0).sum(dim=-1)
        others = torch.where(kept.amax(dim=-1) > 0, 1 - kept.sum(dim=-1), 0.0).clamp_min(0.0)
        tail = torch.where(others > 1e-12, others * (others.clamp_min(1e-30) / rest.clamp_min(1e-30)).log(), 0.0)
        return (kept * (kept.clamp_min(1e-300) / q).log()).sum(dim=-1) + tail


class _Renormalised(Store):
    """The list sums to 1, and so does the student's part of it: the rest is forgotten."""

    def compared(self, kept: Tensor, ids: Tensor, student: Tensor) -> Tensor:
        q = student.gather(-1, ids)
        kept, q = kept / kept.sum(dim=-1, keepdim=True), q / q.sum(dim=-1, keepdim=True)
        return (kept * (kept.clamp_min(1e-300) / q).log()).sum(dim=-1)


class _OtherIds(Store):
    """Ids are kept as the teacher has them."""

    def carried(self, given: Offline) -> list[Tensor]:
        return [t.double() for t in given.teacher]


class _Unsoftened(Store):
    """Stored at temperature 1, whatever the student is compared at."""

    def softened(self, logits: Tensor, given: Offline) -> Tensor:
        return super().softened(logits, replace(given, temperature=1.0))


def buggy() -> OfflineLoss:
    """Each place reads the row of the next."""
    made = Store()
    made.shift = 1
    return made


VARIANTS: dict[str, Callable[[], OfflineLoss]] = {
    "the rest is forgotten": _Renormalised,
    "ids of the teacher's vocabulary": _OtherIds,
    "stored at another temperature": _Unsoftened,
}

BUG = Bug(
    "V606",
    "stored-rows-are-shifted",
    __doc__,
    (stored_as_live,),
    buggy,
    stored_teacher,
    variants=VARIANTS,
)
