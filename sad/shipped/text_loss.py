"""The path from texts to the loss that trains, behind the interface of a text loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sad import data, objective, tiny
from sad.align import example
from sad.align.reader import Ints, Reader
from sad.align.spans import Window
from sad.align.vocab import VocabMap
from sad.batch import ALM, ATTENTION, CONTRASTIVE, KD, LAYERWISE, LM, Batch, Sum
from sad.data import batches
from sad.data.schedule import rows_of
from sad.distiller import Distiller
from sad.document import Document
from sad.head.linear import head_of
from sad.head.vocabulary import vocabulary_pass
from sad.invariants._models import other_ends, other_reading, teacher
from sad.models import forward
from sad.models.forward import text_config
from sad.recipe.terms import SHIPPED, Terms
from sad.shipped.scheduled import check_rows, check_streams
from sad.subjects.text_loss import DistilledLoss, Marks, Text, TextLoss
from sad.train.plan import make_schedule

TERMS = {KD: 1.0, LM: 0.5, ALM: 0.5, LAYERWISE: 0.5, ATTENTION: 0.5}
"""Every term but the contrastive one: that one draws its negatives from the batch, by intent."""

MOST_TOKENS = 1 << 10
"""More than any vocabulary that a text loss is judged with."""


def language_model_loss() -> TextLoss:
    """Return what the training loop adds up for a batch when the language-model term is its only one."""
    return _language_model_loss


def distillation_loss() -> TextLoss:
    """Return the same with every such term and a teacher whose tokenizer cuts some tokens in two."""
    return _distillation_loss


def packed_loss() -> TextLoss:
    """Return the distillation loss, and the contrastive term, of texts that share rows.

    Raises AssertionError where the rows of a stream are not what they should be.
    """
    check_streams(packed=True)
    return _packed_loss


def packed_language_model_loss() -> TextLoss:
    """Return the language-model loss of texts that share rows. Raises AssertionError as the packed loss does."""
    check_streams(packed=True)
    return _packed_language_model_loss


def compared_loss() -> DistilledLoss:
    """Return the loss of a student and a teacher of one tokenizer, with the distillation and language-model terms."""
    return _compared_loss


def _language_model_loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
    return _only_text(model, _batch(texts, marks, same=True))


def _packed_language_model_loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
    batch = _batch(texts, marks, same=True, packed=True)
    with _attending(model, "eager"):
        found = _only_text(model, batch)
    if getattr(text_config(model), "model_type", "") == "llama":
        with _attending(model, BY_POSITION):
            other = _only_text(model, batch)
        assert torch.allclose(found, other, rtol=1e-4), "another loss where attention finds texts by their positions"
    return found


BY_POSITION = "sad_by_position"
"""Attention as flash kernels have it: one long row, in which a text begins where the positions do."""


def _by_position(
    _module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: object,
    scaling: float,
    position_ids: Tensor,
    **_: object,
) -> tuple[Tensor, None]:
    text, groups = (position_ids == 0).cumsum(dim=-1), query.shape[1] // key.shape[1]
    seen = (text[:, :, None] == text[:, None, :]).tril()[:, None]
    key, value = (of.repeat_interleave(groups, dim=1) for of in (key, value))
    out = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=scaling)
    return out.transpose(1, 2), None


@contextmanager
def _attending(model: nn.Module, how: str) -> Iterator[None]:
    """Another attention than the usual kernel, which is told of packed texts in another way."""
    if not hasattr(model, "set_attn_implementation"):
        yield
        return
    from transformers import AttentionInterface

    AttentionInterface.register(BY_POSITION, _by_position)
    made: Any = model
    before = made.config._attn_implementation
    made.set_attn_implementation(how)
    try:
        yield
    finally:
        made.set_attn_implementation(before)


def _only_text(model: nn.Module, batch: Batch) -> Tensor:
    at = batch.targets
    states = forward.run(model, batch.student).hidden[at.row, at.position]
    summed = Sum(vocabulary_pass(states, head_of(model), at.token).lm, len(at))
    return objective.Objective({LM: 1.0}).part({LM: summed}, batch.counts())


def _distillation_loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
    return _distilled(model, _batch(texts, marks, same=False), TERMS)


def _packed_loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
    batch = _batch(texts, marks, same=False, packed=True)
    found = _distilled(model, batch, {**TERMS, CONTRASTIVE: 0.5})
    with _attending(model, "eager"), _attending(teacher(), "eager"):
        return found + _distilled(model, batch, {ATTENTION: 0.5}, compare="maps")


def _distilled(model: nn.Module, batch: Batch, terms: dict[str, float], **attention: Any) -> Tensor:  # noqa: ANN401
    weights: dict[str, dict[str, Any]] = {name: {"weight": terms.get(name, 0.0)} for name in SHIPPED}
    weights[ATTENTION] |= attention
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = Distiller(model, teacher(), _Same(text_config(model).vocab_size), Terms.model_validate(weights))
    return objective.Objective(dict(terms)).part(made(batch, made.ask_teacher(batch)), batch.counts())


def _compared_loss(student: nn.Module, teacher: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
    batch = _batch(texts, marks, same=True)
    weights = {KD: 1.0, LM: 0.5}
    terms = {name: {"weight": weights.get(name, 0.0)} for name in SHIPPED}
    made = Distiller(student, teacher, _Same(text_config(student).vocab_size), Terms.model_validate(terms))
    return objective.Objective(dict(weights)).part(made(batch, made.ask_teacher(batch)), batch.counts())


def _batch(texts: Sequence[Text], marks: Marks, *, same: bool, packed: bool = False) -> Batch:
    readers = data.Readers(_Marked(marks), _Marked(marks))
    some = [example.assemble(_window(text, marks, same), readers, _learned(text, marks)) for text in texts]
    if not packed:
        return batches.collate(some, readers)
    if len(some) % 2 == 0:
        return batches.collate_rows([some[start : start + 2] for start in range(0, len(some), 2)], readers)
    # an odd number by what fits
    room = 2 * max(len(one.teacher) for one in some)
    recipe = tiny.recipe({"train": {"packing": True, "batch_size": len(some)}, "data": {"max_length": max(room, 16)}})
    ((*rows,),) = make_schedule(recipe, some).rows(0)
    sizes = np.array([max(len(one.student), len(one.teacher)) for one in some])
    check_rows(sizes, rows, room)
    # and where the longest fills a row
    check_rows(sizes, rows_of(sizes, int(sizes.max()), 0), int(sizes.max()))
    return batches.collate_rows([[some[i] for i in row] for row in rows], readers)


def _window(text: Text, marks: Marks, same: bool) -> Window:
    """A text as a window; its end mark is left to the code that trains. Each of the student's tokens is a byte."""
    ids, closes = _bare(text, marks)
    at = np.arange(len(ids))
    other, ends = (ids, range(len(ids))) if same else (other_reading(ids), other_ends(ids))
    return Window(
        student=np.array(ids, dtype=np.int64),
        teacher=np.array(other, dtype=np.int64),
        at_student=at,
        at_teacher=np.array(ends, dtype=np.int64)[at],
        bytes_at=at + 1,
        closes=closes,
    )


def _learned(text: Text, marks: Marks) -> Ints | None:
    """What is to be learned of a text that has a prompt, in two ranges that touch."""
    if not text.prompt:
        return None
    stop = len(_bare(text, marks)[0])
    middle = (text.first + stop) // 2
    edges = [(text.first, middle), (middle, stop)]
    found = example.ranges(Document("." * stop, tuple(one for one in edges if one[0] < one[1])))
    # to learn all of a text is allowed, but it is not what was asked for
    assert found is not None, "what is to be learned is forgotten"
    return found


def _bare(text: Text, marks: Marks) -> tuple[tuple[int, ...], bool]:
    """A text without its end mark, and whether it has one."""
    closes = text.ids[-1] == marks.eos
    return text.ids[:-1] if closes else text.ids, closes


class _Marked(Reader):
    """What the code that trains asks of a tokenizer once a text is read."""

    def __init__(self, marks: Marks) -> None:
        self.prefix, self.eos, self.pad = (), marks.eos, marks.pad
        # both sides have the same marks
        self.special = np.zeros(MOST_TOKENS, dtype=bool)


class _Same(VocabMap):
    """One vocabulary for both."""

    def __init__(self, size: int) -> None:
        self.student_size = self.teacher_size = size
        self.identity = True
