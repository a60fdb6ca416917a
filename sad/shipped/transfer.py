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
from sad.subjects.objective import COSINE, LAYERNORM, RELATIVE
from sad.subjects.plain import terms as plain
from sad.terms import TERMS, TeacherOutput, View

LEAN = 0.1
FEW = 3
"""Places whose relations are held at once."""

Term = Callable[[Tensor, Tensor], Sum]
Side = tuple[tuple[Tensor, Tensor], Term, Distance | None]
"""The student's side and the teacher's, a term as a function of them, and its definition."""


def shipped_transfer() -> Transfer:
    """Return the code that trains."""
    pair = tiny.pair(320, 320)
    plan = tiny.plan({"terms": {name: {"weight": 0.1} for name in (ALM, ATTENTION, CONTRASTIVE)}}, of=pair)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        distiller = Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms).eval()
    learned = LayerMap([1], 2)
    batch = collate(plan.train[:2], pair.readers)
    embedding: Tensor = pair.student.get_input_embeddings().weight  # type: ignore[operator]

    def mapped(student: Tensor, teacher: Tensor) -> Sum:
        return layerwise.between(student, learned(0, [teacher, teacher.flip(-1)]))

    def compare() -> Mapping[str, Compared]:
        view = distiller.view(batch, _leaning(distiller.ask_teacher(batch), embedding))
        every = {name: _compared(TERMS[name](view), *of) for name, of in _sides(view).items()}
        states = view.states(0)
        others = {"a learned map of layers": (states, mapped, None), **_ways(view)}
        return every | {name: _compared(term(*both), both, term, by) for name, (both, term, by) in others.items()}

    return Transfer([p for p in distiller.student.parameters() if p.requires_grad], compare)


def _leaning(output: TeacherOutput, embedding: Tensor) -> TeacherOutput:
    """The teacher's answers, moved by the student: only the losses can cut the graph now."""
    target = output.target
    assert isinstance(target, Live), "the teacher itself was asked"

    def lean(states: Tensor) -> Tensor:
        return states + LEAN * torch.tanh(embedding).sum(dim=0).repeat(states.shape[-1] // embedding.shape[-1])

    return TeacherOutput(
        replace(target, hidden=lean(target.hidden)),
        {block: lean(states) for block, states in output.blocks.items()},
        {block: tuple(map(lean, looks)) for block, looks in output.attended.items()},
        None if output.chunks is None else output.chunks - torch.tanh(embedding).sum().square(),
    )


def _sides(view: View) -> dict[str, Side]:
    """Each term."""
    target, row, states = view.teacher.target, view.batch.boundaries.row, view.states(0)
    assert isinstance(target, Live), "the teacher itself was asked"
    heads, cold, hot = view.attention.heads, view.terms.contrastive.temperature, view.terms.alm.temperature

    def kd(student: Tensor, teacher: Tensor) -> Sum:
        compared = replace(view.compared(view.divergence), target=replace(target, hidden=teacher))
        # the head is the student's side too, and stays outside
        return Sum(vocabulary_pass(student, IDENTITY, None, compared).kd, len(row))

    def related(student: Tensor, teacher: Tensor) -> Sum:
        each = zip(student.chunk(3, dim=-1), teacher.chunk(3, dim=-1), strict=True)
        with patch.object(attention, "ROWS", FEW):
            three = [attention.relation_divergence(*one, row, heads, int(row.bincount().max())) for one in each]
        return Sum(torch.stack([one.total for one in three]).mean(), three[0].units)

    def relations(student: Tensor, teacher: Tensor) -> Tensor:
        each = zip(student.chunk(3, dim=-1), teacher.chunk(3, dim=-1), strict=True)
        return torch.stack([plain.relations(*one, heads) for one in each]).mean()

    mine, theirs = (torch.cat(side, dim=-1) for side in zip(*view.looks(), strict=True))
    return {
        KD: ((view.head.logits(view.target_states()), target.hidden), kd, None),
        LAYERWISE: (states, layerwise.layer_distance, _distance(LAYERNORM)),
        CONTRASTIVE: (
            states,
            lambda s, t: contrastive.info_nce(s, t, row, cold),
            _by_text(lambda s, t: plain.nearest(s, t, cold), row),
        ),
        ALM: (
            _chunks(view),
            lambda s, t: alm.chunk_divergence(s, t, hot),
            lambda s, t: plain.chunks_apart(-s, -t, hot) / len(s),
        ),
        ATTENTION: ((mine, theirs), related, _by_text(relations, row)),
    }


def _ways(view: View) -> dict[str, Side]:
    """Terms in the ways that a recipe may ask for, beside the usual ones."""
    row, states, cold = view.batch.boundaries.row, view.states(0), view.terms.contrastive.temperature
    return {
        "a batch of negatives": (
            states,
            lambda s, t: contrastive.info_nce(s, t, row, cold, "batch"),
            lambda s, t: plain.nearest(s, t, cold) / len(s),
        ),
        RELATIVE: (states, lambda s, t: layerwise.layer_distance(s, t, "relative"), _distance(RELATIVE)),
        COSINE: (states, lambda s, t: layerwise.layer_distance(s, t, "cosine"), _distance(COSINE)),
    }


def _distance(how: str) -> Distance:
    return lambda s, t: plain.distance(s, t, how) / len(s)


def _by_text(one: Distance, row: Tensor) -> Distance:
    """The mean over places of what is defined for one text."""
    parts = [row == number for number in sorted(set(row.tolist()))]
    return lambda s, t: torch.stack([one(s[part], t[part]) for part in parts]).sum() / len(row)


def _chunks(view: View) -> tuple[Tensor, Tensor]:
    """The log-likelihood of each chunk, of both sides."""
    at, labels, theirs = view.batch.boundaries, view.batch.targets, view.teacher.chunks
    assert theirs is not None
    likely = view.head.logits(view.target_states()).log_softmax(-1).gather(-1, labels.token[:, None])[:, 0]
    chunk = chunk_of(labels, at.row, at.student, view.batch.student.input_ids.shape[1])
    return chunk_sums(likely, chunk, len(at)), theirs


def _compared(value: Sum, sides: tuple[Tensor, Tensor], term: Term, definition: Distance | None) -> Compared:
    return Compared(_mean(value), *sides, lambda student, teacher: _mean(term(student, teacher)), definition)


def _mean(one: Sum) -> Tensor:
    return one.total / one.units
