"""The target can be trained: the loss falls with a frozen student

## Symptom
One part of the loss falls nicely, by orders of magnitude, while language-model loss and evaluation stay where they
are. With the student frozen it falls just as well.

## Mechanism
Both sides of the comparison are trained. The student attends to the teacher's states, compressed by a trained layer,
and is to reproduce those same compressed states: the compressor learns to give one state for everything.

## What its documented fix did
There was none: falling values were read as learning. A random projector of the logits was replaced, which has the
same fault: it sits on the teacher's side.

## Fix
The teacher's states are compared as they are; only the student is projected, from outside its saved weights, and every
loss detaches the teacher (`View.states` in `sad/terms/view.py`, `sad/distiller.py`).

## Source
rakeshb49/student_aware_distillation, student_aware_router.py (attention alignment, logit and head projectors); S07 of
the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad import terms, tiny
from sad.batch import CONTRASTIVE, LAYERWISE, Sum
from sad.bug import Bug
from sad.data import collate
from sad.distiller import Distiller
from sad.invariants.no_shortcut import Frozen, no_shortcut
from sad.losses import contrastive, layerwise

ALIGNMENT, KD = "alignment", "kd"


def buggy() -> Frozen:
    """A student that attends to compressed teacher states and is compared with them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student, teacher = torch.ones(1, 24, 16), 0.56 * torch.randn(1, 24, 32)
        compress = nn.Linear(32, 16)
        attend = nn.MultiheadAttention(16, 2, batch_first=True)

    def compare() -> Mapping[str, Tensor]:
        compressed = compress(teacher)
        return {ALIGNMENT: F.mse_loss(attend(student, compressed, compressed, need_weights=False)[0], compressed)}

    trainable = [*compress.parameters(), *attend.parameters()]
    return Frozen(compare, trainable, lambda: {ALIGNMENT: compress(teacher)[0]}, {ALIGNMENT: F.mse_loss})


def projected_teacher() -> Frozen:
    """KD against teacher logits behind a trained projector; the student is uniform."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student, teacher = torch.zeros(24, 40), torch.randn(24, 50)
        project = nn.Linear(50, 40)
        nn.init.normal_(project.weight, std=0.55)

    def kl(prediction: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(prediction.log_softmax(-1), target.log_softmax(-1), reduction="batchmean", log_target=True)

    def compare() -> Mapping[str, Tensor]:
        return {KD: kl(student, project(teacher))}

    return Frozen(compare, [*project.parameters()], lambda: {KD: project(teacher)}, {KD: kl})


def fixed() -> Frozen:
    """Every term of the distiller, around a tiny student whose embedding says the same for every token."""
    pair, plan = tiny.pair(), tiny.plan({"terms": {CONTRASTIVE: {"weight": 0.1}}})
    with torch.no_grad():
        embedding = pair.student.get_input_embeddings().weight  # type: ignore[operator]
        embedding.copy_(embedding[:1].expand_as(embedding).clone())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        distiller = Distiller(pair.student.requires_grad_(False), pair.teacher, pair.vocab, plan.recipe.terms).eval()
    batch = collate(plan.train[:2], pair.readers)

    # for the terms once, since none of them may move it; the targets are asked for anew
    asked = distiller.ask_teacher(batch)

    def values() -> Mapping[str, Tensor]:
        return _AsAsked(distiller.view(batch, asked), distiller.names)

    def targets() -> Mapping[str, Tensor]:
        return dict.fromkeys((LAYERWISE, CONTRASTIVE), distiller.view(batch, distiller.ask_teacher(batch)).states(0)[1])

    def nearest(prediction: Tensor, target: Tensor) -> Tensor:
        return _mean(
            contrastive.info_nce(prediction, target, batch.boundaries.row, plan.recipe.terms.contrastive.temperature)
        )

    distances = {LAYERWISE: lambda p, t: _mean(layerwise.layer_distance(p, t)), CONTRASTIVE: nearest}
    return Frozen(values, [p for p in distiller.parameters() if p.requires_grad], targets, distances)


class _AsAsked(Mapping[str, Tensor]):
    """The terms of a view, each computed when it is asked for: a training looks at one of them."""

    def __init__(self, view: terms.View, names: Sequence[str]) -> None:
        self.view, self.names = view, names

    def __getitem__(self, name: str) -> Tensor:
        return _mean(terms.TERMS[name](self.view))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def _mean(one: Sum) -> Tensor:
    return one.total / one.units


VARIANTS = {"the teacher's logits behind a trained projector": projected_teacher}

BUG = Bug("V111", "target-is-trainable", __doc__, (no_shortcut,), buggy, fixed, variants=VARIANTS, covers=("S07",))
