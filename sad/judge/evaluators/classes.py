"""Examples of one class each, in place of texts: every place of a text that has a label is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sad.judge.dicts import Batch, Output
from sad.judge.evaluators.batches import Form, Rows
from sad.judge.stand_in import ids_of
from sad.judge.steps.model import Bare
from sad.subjects.metric import Scored
from sad.subjects.text_loss import IGNORED


class Classifier(nn.Module):
    """Gives the logits [batch, classes] of examples that are numbers, [batch, 1]; it has dropout, and one weight."""

    def __init__(self, logits: Float[Tensor, "example classes"]) -> None:
        super().__init__()
        self.__dict__["table"] = logits
        self.norm, self.drop = nn.Identity(), nn.Dropout(0.5)
        self.scale = nn.Parameter(torch.ones(()))
        self.config = Batch(num_labels=logits.shape[-1], hidden_size=8, model_type="classifier")
        self.device, self.dtype = torch.device("cpu"), torch.float32

    def forward(self, input_ids: Tensor | None = None, *_: Any, labels: Tensor | None = None, **more: Any) -> Output:  # noqa: ANN401 - whatever models take
        """Return an output with the logits, and the mean loss of labels where there are some."""
        numbers = ids_of(input_ids, more)
        logits = (
            self.drop(self.norm(self.__dict__["table"][numbers.reshape(len(numbers), -1)[:, 0].long()])) * self.scale
        )
        if labels is None:
            return Output(logits=logits)
        return Output(loss=F.cross_entropy(logits, labels.flatten()), logits=logits)


class Last(Bare):
    """A model of texts whose last place tells the class, and which returns its logits alone."""

    def forward(self, *given: Any, **named: Any) -> Tensor:  # noqa: ANN401 - whatever models take
        """Return logits [batch, 1, classes]."""
        return super().forward(*given, **named)[:, None]


CLASSES = (
    Form(
        "pairs of an example and its class, for models that return logits alone",
        lambda r: (r.ids, r.labels),
        alone=True,
    ),
    Form(
        "pairs of an example and its class, for models whose last place tells it, that return logits alone",
        lambda r: (r.ids, r.labels),
        last=True,
    ),
    Form(
        "dicts with input_ids, attention_mask and labels, one class each",
        lambda r: Batch(input_ids=r.ids, attention_mask=r.mask, labels=r.labels),
    ),
    Form(
        "triples of an example, its mask and its class, for models that return logits alone",
        lambda r: (r.ids, r.mask, r.labels),
        alone=True,
    ),
)
"""Tried where none of the forms of texts runs."""


def examples(batches: Sequence[Scored]) -> tuple[Classifier, Classifier, list[Rows]]:
    """Return a student and a teacher that know every place that has a label, and batches of those; empty ones are
    left out.
    """
    student, teacher, rows, number = [], [], list[Rows](), 0
    for one in batches:
        kept = one.labels[:, 1:] != IGNORED
        labels = one.labels[:, 1:][kept]
        if not len(labels):
            continue
        student.append(one.student_logits[:, :-1][kept])
        teacher.append(one.teacher_logits[:, :-1][kept])
        ids = torch.arange(number, number + len(labels))[:, None]
        rows.append(Rows(ids, torch.ones_like(ids), labels))
        number += len(labels)
    return Classifier(torch.cat(student)), Classifier(torch.cat(teacher)).eval().requires_grad_(False), rows
