"""The terms of the distiller against a teacher whose answers lean on the student's own embedding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from unittest.mock import patch

import torch
from torch import Tensor

from sad import tiny
from sad.align.chunks import chunk_of, chunk_sums
from sad.aware.layers import LayerMap
from sad.batch import ALM, ATTENTION, CONTRASTIVE, KD, LAYERWISE, Sum
from sad.data import collate
from sad.distiller import Distiller
from sad.head.linear import IDENTITY
from sad.head.target import Live
from sad.head.vocabulary import vocabulary_pass
from sad.invariants.target_gets_no_gradient import Compared, Distance, Transfer
from sad.losses import alm, attention, contrastive, layerwise
from sad.subjects import plain_terms as plain
from sad.subjects.objective import COSINE, LAYERNORM, RELATIVE
from sad.terms import TERMS, TeacherOutput

LEAN = 0.1
FEW = 3
"""Places whose relations are held at once."""


def shipped_transfer() -> Transfer:
    """Return the code that trains."""
    pair = tiny.pair(320, 320)
    plan = tiny.plan({"terms": {name: {"weight": 0.1} for name in (ALM, ATTENTION, CONTRASTIVE)}}, of=pair)
    terms = plan.recipe.terms
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        distiller = Distiller(pair.student, pair.teacher, pair.vocab, terms).eval()
    learned = LayerMap([1], 2)
    batch = collate(plan.train[:2], pair.readers)
    embedding: Tensor = pair.student.get_input_embeddings().weight  # type: ignore[operator]

    def lean(states: Tensor) -> Tensor:
        """The teacher's states, moved by the student: only the losses can cut the graph now."""
        return states + LEAN * torch.tanh(embedding).sum(dim=0).repeat(states.shape[-1] // embedding.shape[-1])

    def compare() -> Mapping[str, Compared]:
        output = distiller.ask_teacher(batch)
        target = output.target
        assert isinstance(target, Live), "the teacher itself was asked"
        leaning = replace(target, hidden=lean(target.hidden))
        moved = TeacherOutput(
            leaning,
            {block: lean(states) for block, states in output.blocks.items()},
            {block: tuple(map(lean, looks)) for block, looks in output.attended.items()},
            None if output.chunks is None else output.chunks - torch.tanh(embedding).sum().square(),
        )
        view = distiller.view(batch, moved)
        states, cold = view.states(0), terms.contrastive.temperature

        def kd(student: Tensor, teacher: Tensor) -> Sum:
            compared = replace(view.compared(view.divergence), target=replace(leaning, hidden=teacher))
            # the head is the student's side too, and stays outside
            return Sum(vocabulary_pass(student, IDENTITY, None, compared).kd, len(batch.boundaries))

        def chunks() -> tuple[Tensor, Tensor]:
            at, labels = batch.boundaries, batch.targets
            likely = view.head.logits(view.target_states()).log_softmax(-1).gather(-1, labels.token[:, None])[:, 0]
            chunk = chunk_of(labels, at.row, at.student, batch.student.input_ids.shape[1])
            assert moved.chunks is not None
            return chunk_sums(likely, chunk, len(at)), moved.chunks

        def related(student: Tensor, teacher: Tensor) -> Sum:
            row, heads = batch.boundaries.row, view.attention.heads
            longest = int(row.bincount().max())
            each = zip(student.chunk(3, dim=-1), teacher.chunk(3, dim=-1), strict=True)
            with patch.object(attention, "ROWS", FEW):
                three = [attention.relation_divergence(*one, row, heads, longest) for one in each]
            return Sum(torch.stack([one.total for one in three]).mean(), three[0].units)

        def mapped(student: Tensor, teacher: Tensor) -> Sum:
            return layerwise.between(student, learned(0, [teacher, teacher.flip(-1)]))

        def by_text(one: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
            """The mean over places of what is defined for one text."""
            row = batch.boundaries.row
            parts = [row == number for number in set(row.tolist())]
            return lambda s, t: torch.stack([one(s[part], t[part]) for part in parts]).sum() / len(row)

        def relations(student: Tensor, teacher: Tensor) -> Tensor:
            each = zip(student.chunk(3, dim=-1), teacher.chunk(3, dim=-1), strict=True)
            return torch.stack([plain.relations(*one, view.attention.heads) for one in each]).mean()

        text, looks = batch.boundaries.row, [torch.cat(side, dim=-1) for side in zip(*view.looks(), strict=True)]
        sides: dict[str, _Sides] = {
            KD: (view.head.logits(view.target_states()), leaning.hidden, kd, None),
            LAYERWISE: (*states, layerwise.layer_distance, _distance(LAYERNORM)),
            CONTRASTIVE: (
                *states,
                lambda s, t: contrastive.info_nce(s, t, text, cold),
                by_text(lambda s, t: plain.nearest(s, t, cold)),
            ),
            ALM: (
                *chunks(),
                lambda s, t: alm.chunk_divergence(s, t, terms.alm.temperature),
                lambda s, t: plain.chunks_apart(-s, -t, terms.alm.temperature) / len(s),
            ),
            ATTENTION: (looks[0], looks[1], related, by_text(relations)),
        }
        every = {
            name: Compared(_mean(TERMS[name](view)), one, other, _meaned(of), definition)
            for name, (one, other, of, definition) in sides.items()
        }
        more: dict[str, _Sides] = {
            "a learned map of layers": (*states, mapped, None),
            "a batch of negatives": (
                *states,
                lambda s, t: contrastive.info_nce(s, t, text, cold, "batch"),
                lambda s, t: plain.nearest(s, t, cold) / len(s),
            ),
            **{
                how: (*states, lambda s, t, how=how: layerwise.layer_distance(s, t, how), _distance(how))  # type: ignore[misc]
                for how in (RELATIVE, COSINE)
            },
        }
        for name, (one, other, of, definition) in more.items():
            every[name] = Compared(_meaned(of)(one, other), one, other, _meaned(of), definition)
        return every

    return Transfer([p for p in distiller.student.parameters() if p.requires_grad], compare)


_Sides = tuple[Tensor, Tensor, Callable[[Tensor, Tensor], Sum], Distance | None]
"""A prediction and a target, what the code that trains makes of them, and its definition."""


def _distance(how: str) -> Distance:
    return lambda s, t: plain.distance(s, t, how) / len(s)


def _meaned(of: Callable[[Tensor, Tensor], Sum]) -> Distance:
    return lambda s, t: _mean(of(s, t))


def _mean(one: Sum) -> Tensor:
    return one.total / one.units
