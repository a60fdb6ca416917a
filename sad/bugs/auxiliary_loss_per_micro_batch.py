"""The auxiliary loss grows with the accumulation

## Symptom
The share of the auxiliary loss of a mixture of experts grows with the number of accumulated micro-batches: at 8 it has
8 times the weight that was set. At accumulation 1 all is well.

## Mechanism
The cross-entropy of a micro-batch is divided by the labels of the whole step, so its parts add up to one mean. The
auxiliary loss is a mean of its micro-batch, and is added as it is: once a micro-batch.

## What its documented fix did
It scaled the auxiliary loss by the micro-batch's share of the step's labels.

## Fix
Every term is a sum with a count, and is divided by the count of the whole step: there is no term that is added as it is
(`sad/objective.py`). The loop that trains has no router; the same property holds of all of its terms.

## Source
modelscope/ms-swift#5823 (26066b99a), issue #5627; W02 of the catalogue of real bugs. Shown with the penalty on the
squared log-partition of the logits (Zoph et al. 2022, arXiv 2202.08906), a sum over tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from sad.bug import Bug
from sad.invariants.split_invariance import split_invariance
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.loop import KD, LM, MicroBatch, PlainLoop, Process
from sad.subjects.trainer import Trainer

AUX = "aux"


class WithAuxiliary(PlainLoop):
    """The plain loop with a third term, as right as the others."""

    terms: Mapping[str, float] = {KD: 1.0, LM: 0.5, AUX: 0.05}

    def summed(self, process: Process, texts: Sequence[int]) -> dict[str, Tensor]:
        """Return the sums of all three terms."""
        sums = super().summed(process, texts)
        read = [token for text in texts for token in self.texts[text][:-1]]
        return {**sums, AUX: sum((self.forward(process, one).logsumexp(-1).square() for one in read), 0 * sums[LM])}


class _AddedAsItIs(WithAuxiliary):
    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        divided = super().loss(process, texts, window)
        summed, weight = self.summed(process, texts)[AUX], self.term_weights()[AUX]
        among_all = summed / self.labels(window) * self.setup.processes
        return divided - weight * among_all + weight * summed / max(1, self.labels([[texts]]))


def buggy() -> Trainer:
    """The auxiliary term is a mean of its micro-batch."""
    return _AddedAsItIs()


fixed = shipped_trainer

BUG = Bug("V405", "auxiliary-loss-per-micro-batch", __doc__, (split_invariance,), buggy, fixed, covers=("W02",))
