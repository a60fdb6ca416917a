"""The batches that an evaluator is given: those of a metric's texts, in the forms that loaders have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from sad.invariants.token_weighted import VOCABULARY
from sad.judge.dicts import Batch, anew
from sad.judge.evaluators.model import Known
from sad.judge.own_loaders import Collates
from sad.subjects.metric import Scored
from sad.subjects.text_loss import IGNORED

FILLER, PAD = 2, VOCABULARY
"""What is read at places of no label: in a prompt, and in padding. Padding has an id that no text holds, and that no
model ever gives: what counts it is far off.
"""
NEVER = -1e4
"""The logit of padding."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A padded batch in ids. ``mask`` is 1 on texts."""

    ids: Tensor
    mask: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """How a batch is given. With ``bare`` prompts are cut off, since nothing tells that they do not count."""

    says: str
    make: Callable[[Rows], Any]
    bare: bool = False
    masked: bool = True
    """Whether anything tells padding apart: a mask, or labels."""
    listed: bool = False
    alone: bool = False
    """Models return their logits alone; a metric that takes no model is given the likeliest tokens."""
    next: bool = False
    """A metric that takes no model is given row i with the label that it is judged by, not with its own."""
    flat: bool = False
    """Examples are given one by one, and batched by the evaluator."""
    last: bool = False
    """Models return logits alone, of which the last place tells the class."""
    filled: bool = False
    """It is given the padding mark, as the label that is ignored, in place of -100."""


def _all(rows: Rows) -> Batch:
    return Batch(input_ids=rows.ids, attention_mask=rows.mask, labels=rows.labels)


def _parts(rows: Rows) -> tuple[Batch, Batch, Batch]:
    read, mask, label = (one.contiguous() for one in (rows.ids[:, :-1], rows.mask[:, :-1], rows.labels[:, 1:]))
    prompt = Batch(input_ids=rows.ids[:, :1], attention_mask=rows.mask[:, :1])
    return Batch(input_ids=read, attention_mask=mask), Batch(label=label, loss_mask=(label != IGNORED).float()), prompt


class Loader(DataLoader[Any], Collates):
    """A loader that is a data set too, whose texts are already in batches."""


FORMS = (
    Form("dicts with input_ids, attention_mask and labels", _all),
    Form("pairs of ids and labels", lambda r: (r.ids, r.labels)),
    Form("triples of ids, mask and labels", lambda r: (r.ids, r.mask, r.labels)),
    Form(
        "pairs of what is read and the token after each",
        lambda r: (r.ids[:, :-1].contiguous(), r.labels[:, 1:].contiguous()),
    ),
    Form(
        "dicts with what is read, its mask and the token after each, as input, mask and target",
        lambda r: Batch(
            input=r.ids[:, :-1].contiguous(), mask=r.mask[:, 1:].contiguous(), target=r.labels[:, 1:].contiguous()
        ),
    ),
    Form(
        "dicts with input_ids and attention_mask",
        lambda r: Batch(input_ids=r.ids, attention_mask=r.mask),
        bare=True,
    ),
    Form("dicts with input_ids", lambda r: Batch(input_ids=r.ids), bare=True, masked=False),
    Form("ids", lambda r: r.ids, bare=True, masked=False),
    Form(
        "triples of ids, mask as booleans and the texts' numbers",
        lambda r: (r.ids, r.mask.bool(), torch.arange(len(r.ids))),
        bare=True,
    ),
    Form(
        "pairs of what is read and the token after each, for models that return logits alone",
        lambda r: (r.ids[:, :-1].contiguous(), r.labels[:, 1:].contiguous()),
        alone=True,
    ),
    Form("triples of dicts: what is read, with its mask; the label after each, with a loss_mask; a prompt", _parts),
)
"""In the order in which they are tried."""


def rows_of(scored: Scored, *, bare: bool, firsts: bool = False) -> tuple[Rows, list[Known], list[Known]]:
    """Return a batch's rows in ids, and what the student and the teacher know of each text.

    A text begins before its first label, or with a prompt of one place more; where it begins in the padded batch is
    told by the labels alone, so the padding before it is what it was. With ``firsts`` no text has a prompt, and its
    first token has a label too, as in texts that are learned whole.
    """
    texts = []
    for row in range(len(scored.labels)):
        # nothing predicts the first one
        counted = 1 + (scored.labels[row, 1:] != IGNORED).nonzero().flatten()
        # one without a label may have tokens all the same, but where each of them is one
        first, last = (int(counted[0]) - 1, int(counted[-1]) + 1) if len(counted) else (0, 1 if bare else 2)
        # of a prompt as much is read as there is
        prompt = 0 if bare or firsts else min(first, 1 + row % 2)
        start = first - prompt
        labels = scored.labels[row, start:last].clone()
        labels[0] = IGNORED
        filler = torch.full_like(labels, FILLER)
        filler[0] = FILLER + 1
        ids = torch.where(labels == IGNORED, filler, labels)
        labels[0] = ids[0] if firsts and len(counted) else IGNORED
        texts.append((ids, labels, scored.student_logits[row, start:last], scored.teacher_logits[row, start:last]))
    longest = max(len(ids) for ids, *_ in texts)
    left = not bare and bool((scored.labels[:, -1] != IGNORED).all()) and len(texts) > 1
    out = Rows(
        *(torch.full((len(texts), longest), fill) for fill in (PAD, 0, IGNORED)),
    )
    for row, (ids, labels, *_) in enumerate(texts):
        at = slice(longest - len(ids), longest) if left else slice(0, len(ids))
        out.ids[row, at], out.mask[row, at], out.labels[row, at] = ids, 1, labels
    known = [[Known(tuple(ids.tolist()), _wide(of[side])) for ids, _, *of in texts] for side in (0, 1)]
    return out, known[0], known[1]


def _wide(logits: Tensor) -> Tensor:
    return torch.cat([logits, logits.new_full((len(logits), 1), NEVER)], dim=1)


def loader(form: Form, batches: Sequence[Rows]) -> Any:  # noqa: ANN401 - a list, or a loader
    """Return what an evaluator goes through: a loader whose data are the texts, in batches as they are given."""
    made = [form.make(rows) for rows in batches]
    if form.listed:
        return made
    index = [(number, row) for number, rows in enumerate(batches) for row in range(len(rows.ids))]
    groups = [[i for i, (number, _) in enumerate(index) if number == one] for one in range(len(batches))]
    return Loader(index, batch_sampler=groups, collate_fn=lambda some: anew(made[some[0][0]]))  # type: ignore[arg-type]


class Each:
    """Returns the next batch whenever it is called, of each split from the first on, the first after the last."""

    def __init__(self, batches: Sequence[Any]) -> None:
        self.batches = batches
        self.place: dict[str, int] = {}

    def __call__(self, *given: object, **named: object) -> Any:  # noqa: ANN401 - a batch of any form
        """Return the next one of a split."""
        split = next((one for one in (*given, *named.values()) if isinstance(one, str)), "")
        self.place[split] = self.place.get(split, -1) + 1
        return anew(self.batches[self.place[split] % len(self.batches)])
