"""Numbers that an evaluation reports of models' logits, as anyone may compute them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

LM_LOSS, PERPLEXITY, ACCURACY = "lm_loss", "perplexity", "accuracy"
ENTROPY, KL, AGREEMENT = "entropy", "kl", "agreement"
NAMES = (LM_LOSS, PERPLEXITY, ACCURACY, ENTROPY, KL, AGREEMENT)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A batch that both models have read. Row i is judged by label i + 1; a label of -100 is none."""

    student_logits: Float[Tensor, "batch length vocab"]
    teacher_logits: Float[Tensor, "batch length vocab"]
    labels: Int[Tensor, "batch length"]


Metric = Callable[[Sequence[Sequence[Scored]]], Mapping[str, float]]
"""Takes every process' batches and returns what the first process reports, by any of these names, all per label:

``lm_loss`` nats; ``perplexity`` its exponential; ``accuracy`` the share of labels that the student ranks first;
``entropy`` of the student's distribution, nats; ``kl`` KL(teacher || student), nats; ``agreement`` the share of
places at which both models rank the same token first. What passes from one process to another is up to it.
"""
