from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from sad import tiny
from sad.align.example import cut
from sad.align.vocab import VocabMap
from sad.batch import Targets
from sad.data import Readers, batches
from sad.document import Document
from sad.pair import Pair
from sad.preflight.finding import Level
from sad.preflight.label_count import count_labels, first_boundary


def marked() -> Pair:
    """Both tokenizers put a mark before a text."""
    readers = Readers(tiny.reader(320, begins=True), tiny.reader(400, begins=True))
    models = [tiny.model(r.size, layers=1, width=16, seed=0) for r in (readers.student, readers.teacher)]
    return Pair(models[0], models[1].eval().requires_grad_(False), readers, VocabMap(readers.student, readers.teacher))


@pytest.mark.parametrize("of", [tiny.pair, lambda: tiny.pair(320, 320), marked], ids=["two", "one", "marked"])
def test_every_token_that_can_be_predicted_is_a_label(bench, of: Callable[[], Pair]) -> None:
    made = bench(of=of())
    found = count_labels(made)
    assert found.level is Level.FINE, found.says
    assert found.numbers["count"] > 100
    assert found.numbers["ends"] >= 1


def test_the_first_boundary_is_the_one_that_the_data_found(bench) -> None:
    for of in (tiny.pair(), marked()):
        readers = of.readers
        for one in bench(of=of).plan.train:
            at = first_boundary(one, readers.student, readers.teacher)
            assert at == (one.at_student[0], one.at_teacher[0])


def keeping(monkeypatch, keep: Callable[[Targets], torch.Tensor]) -> None:
    """Let the collator lose some labels of both readings."""
    kept = batches._targets

    def some(*given):
        targets = kept(*given)
        chosen = keep(targets)
        return replace(targets, row=targets.row[chosen], position=targets.position[chosen], token=targets.token[chosen])

    monkeypatch.setattr(batches, "_targets", some)


@pytest.mark.parametrize(
    "keep",
    [
        lambda t: torch.arange(len(t)) % 7 > 0,
        lambda t: t.row != 1,
        lambda t: t.token != 0,
        lambda t: torch.cat([t.row[:-1] == t.row[1:], torch.tensor([False])]),
        lambda t: torch.cat([torch.tensor([False]), t.row[:-1] == t.row[1:]]),
    ],
    ids=["every seventh", "a whole window", "the end mark", "the last of each window", "the first of each window"],
)
def test_labels_that_are_dropped_are_counted(bench, monkeypatch, keep) -> None:
    keeping(monkeypatch, keep)
    found = count_labels(bench())
    assert found.level is Level.WRONG
    assert found.numbers["missing"] >= 1
    assert found.numbers["extra"] == 0


def test_labels_that_are_dropped_with_their_boundaries_are_counted(bench) -> None:
    """The window itself begins its labels too late: its own numbers agree with one another."""
    made = bench()
    made.plan.train[:] = [replace(e, at_student=e.at_student[2:], at_teacher=e.at_teacher[2:]) for e in made.plan.train]
    found = count_labels(made)
    assert found.level is Level.WRONG
    assert found.numbers["missing"] > len(made.plan.train)


def test_labels_that_are_counted_twice_are_too_many(bench, monkeypatch) -> None:
    keeping(monkeypatch, lambda t: torch.cat([torch.arange(len(t)), torch.tensor([3])]))
    found = count_labels(bench())
    assert found.level is Level.WRONG
    assert found.numbers["missing"] == 0
    assert found.numbers["extra"] >= 2


def test_no_end_of_a_text_anywhere_is_a_warning(bench) -> None:
    made = bench()
    made.plan.train[:] = [
        e if e.student[-1] else replace(e, student=e.student[:-1], teacher=e.teacher[:-1]) for e in made.plan.train
    ]
    # the last common boundary of a window that lost its end mark has no label any more
    made.plan.train[:] = [
        replace(e, at_student=e.at_student[at], at_teacher=e.at_teacher[at])
        for e in made.plan.train
        for at in [np.flatnonzero(e.at_student < len(e.student) - 1)]
    ]
    assert count_labels(made).level is Level.WARNING


def test_of_a_window_that_is_learned_in_part_the_rest_is_no_label(bench) -> None:
    made = bench()
    some, _ = cut([Document(tiny.TEXT, ((10, 90), (200, len(tiny.TEXT.encode()))))], made.plan.pair.readers, 32)
    made.plan.train[:] = some
    found = count_labels(made)
    assert (found.numbers["missing"], found.numbers["extra"]) == (0, 0)
    assert found.numbers["count"] == sum(len(side) for one in some for side in one.labels())
