"""Contrastive term: a student state must be nearest to the teacher's state of the same place in its text."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from sad.batch import Sum

Negatives = Literal["text", "batch"]


def info_nce(
    student: Float[Tensor, "boundary width"],
    teacher: Float[Tensor, "boundary width"],
    text: Int[Tensor, " boundary"],
    temperature: float,
    negatives: Negatives = "text",
) -> Sum:
    """Return the summed InfoNCE loss in nats (van den Oord et al. 2018, arXiv 1807.03748), in float32.

    ``text`` numbers the text of each boundary. With negatives from the ``text`` every other boundary of the same text
    is one, and none of another text: so the loss does not depend on which texts share a micro-batch. With negatives
    from the ``batch`` every other boundary of the micro-batch is one: more of them, and easier ones, but the value,
    about log(boundaries of the micro-batch) for unrelated states, then changes with the micro-batch and with its
    split over devices. Cosine similarity over ``temperature``. The teacher gets no gradient.
    """
    similarity = F.normalize(student.float(), dim=-1) @ F.normalize(teacher.detach().float(), dim=-1).T / temperature
    if negatives == "text":
        similarity = similarity.masked_fill(text[:, None] != text[None, :], -torch.inf)
    place = torch.arange(student.shape[0], device=student.device)
    return Sum(F.cross_entropy(similarity, place, reduction="sum"), int(student.shape[0]))
