"""Contrastive term: a student state must be nearest to the teacher's state of the same place."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sad.batch import Sum


def info_nce(
    student: Float[Tensor, "boundary width"], teacher: Float[Tensor, "boundary width"], temperature: float = 0.1
) -> Sum:
    """Return the summed InfoNCE loss in nats (van den Oord et al. 2018, arXiv 1807.03748), in float32.

    Every other boundary of the micro-batch is a negative; cosine similarity over ``temperature``.
    The teacher gets no gradient. Unrelated states give about log(boundaries).
    """
    similarity = F.normalize(student.float(), dim=-1) @ F.normalize(teacher.detach().float(), dim=-1).T / temperature
    place = torch.arange(student.shape[0], device=student.device)
    return Sum(F.cross_entropy(similarity, place, reduction="sum"), int(student.shape[0]))
