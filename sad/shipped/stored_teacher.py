"""The teacher's cache as it is written and read, behind a distillation loss."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.batch import Batch, Boundaries, Targets, Tokens
from sad.cache.layout import EXACT
from sad.cache.lists import listed
from sad.cache.part import HELD_OUT, TRAIN, Part
from sad.cache.reader import open_cache
from sad.cache.writer import Written, plan_parts, write
from sad.data import Example
from sad.evaluate import Likelihood
from sad.head.linear import IDENTITY
from sad.head.signals import MAPPED
from sad.head.target import Live
from sad.head.vocabulary import Compared, vocabulary_pass
from sad.losses.kd import Divergence
from sad.shipped.records import check_records
from sad.shipped.writing import check_writing
from sad.subjects.offline import Offline, OfflineLoss

SHARD = 6
"""Rows of a file: a few texts."""
BLOCK, WIDTH = 1, 3
"""Of the teacher, whose states are stored too, and how wide they are."""


def stored_teacher() -> OfflineLoss:
    """Return the distillation term over a cache that is written anew, with float32 on disk.

    It raises AssertionError where the states that were stored too are those of other places. Raises AssertionError
    where the records of a cache are not what their format says, and where a writer that was stopped writes another
    cache when it goes on.
    """
    check_records()
    check_writing()
    return _loss


def _loss(given: Offline) -> Tensor:
    vocab = _map(given.student_tokenizer, given.teacher_tokenizer)
    divergence = Divergence(temperature=given.temperature)
    source = _Said(given, vocab)
    how: Any = {"k": given.k or vocab.student_size, "bits": EXACT, "blocks": (BLOCK,), "width": WIDTH}
    parts = plan_parts(source.examples, vocab.student_size, given.temperature, **how, shard_rows=SHARD)
    with TemporaryDirectory() as made:
        write(Path(made) / "cache", {}, parts, source, Written(0))
        answer = open_cache(str(Path(made) / "cache")).teacher_output
        totals = []
        for numbers in given.batches:
            states = torch.cat([given.student[number] for number in numbers]).float()
            answers = answer(_batch(numbers, len(states)))
            target, wanted = answers.target, torch.cat([_states(given.teacher[number]) for number in numbers])
            assert torch.equal(answers.blocks[BLOCK], wanted), "states of other places"
            assert len(target) == len(states), "an answer for each place"
            compared = Compared(target, torch.arange(len(states)), vocab.student_size, divergence)
            if given.temperature == 1 and given.k is None:
                live = Live(torch.cat([given.teacher[number] for number in numbers]), IDENTITY, vocab)
                _same_signals(states, replace(compared, target=live), compared)
            totals.append(vocabulary_pass(states, IDENTITY, None, compared).kd)
    return torch.stack(totals).sum()


def _same_signals(states: Tensor, live: Compared, stored: Compared) -> None:
    """Raise AssertionError where a teacher whose every token is stored is told to think otherwise than live."""
    token = states.argmin(dim=-1)
    one, other = (vocabulary_pass(states, IDENTITY, token, of, measure=True).signals for of in (live, stored))
    # how much was left out is stored of held-out text alone; of a place without any mass there is no entropy
    whole = torch.tensor(float(len(states)))
    for name in one if torch.allclose(one[MAPPED], whole, rtol=1e-4) else ():
        assert torch.allclose(one[name], other[name], rtol=1e-4, atol=1e-4), f"another {name}"


@dataclass(frozen=True)
class _Said:
    """A source whose teacher has said already what it says on each example: its token is the text's number."""

    given: Offline
    vocab: VocabMap
    batch_size: int = 2
    context: Any = nullcontext

    @property
    def examples(self) -> dict[str, list[Example]]:
        """An example for each text, all of them again as held-out text."""
        every = [_example(number, len(logits)) for number, logits in enumerate(self.given.teacher)]
        return {TRAIN: every, HELD_OUT: every}

    def records(self, part: Part, some: Sequence[Example]) -> np.ndarray:
        """Put the logits of some texts on record."""
        logits = torch.cat([self.given.teacher[int(example.teacher[0])] for example in some])
        live = Live(logits, IDENTITY, self.vocab)
        return part.layout.encode(listed(live, part.layout.lists, mass=part.layout.mass), {BLOCK: _states(logits)})

    def likelihood(self) -> Likelihood:
        """Nothing that the loss reads."""
        return Likelihood(0.0, 0, 0)


def _states(logits: Tensor) -> Tensor:
    """What stands for the states of some places."""
    return logits[:, :WIDTH].float()


def _example(number: int, places: int) -> Example:
    ids, at = np.full(places + 1, number), np.arange(places)
    return Example(ids, ids, at, at, 0)


def _batch(numbers: tuple[int, ...], places: int) -> Batch:
    at = torch.arange(places)
    tokens, targets = Tokens(at[None], torch.ones_like(at[None])), Targets(at, at, at)
    return Batch(tokens, tokens, targets, targets, Boundaries(at, at, at, at), 0, numbers)


@cache
def _map(student: Any, teacher: Any) -> VocabMap:  # noqa: ANN401 - transformers' tokenizers have no common type
    return VocabMap(Reader(student), Reader(teacher))
