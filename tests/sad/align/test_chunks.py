"""Chunks: every label in one, both models' over the same bytes."""

from __future__ import annotations

import pytest
import torch

from sad import tiny
from sad.align.chunks import chunk_of, chunk_sums
from sad.batch import Batch, Targets
from sad.data import blank, collate, examples


def batch(teacher: int = 400, student: int = 320) -> Batch:
    readers = tiny.pair(teacher, student).readers
    return collate(examples(tiny.TEXT.split("\n\n")[:-1], readers, 32)[:3], readers)


@pytest.mark.parametrize("teacher", [400, 320])
def test_a_chunk_is_the_same_bytes_in_both_models(teacher: int) -> None:
    readers, of = tiny.pair(teacher, 320).readers, batch(teacher)
    at = of.boundaries
    spelled: list[list[bytes]] = []
    for reader, targets, position, tokens in (
        (readers.student, of.targets, at.student, of.student),
        (readers.teacher, of.teacher_targets, at.teacher, of.teacher),
    ):
        chunk = chunk_of(targets, at.row, position, tokens.input_ids.shape[1])
        assert bool((chunk[1:] >= chunk[:-1]).all())
        assert sorted(set(chunk.tolist())) == list(range(len(at)))
        parts = [b""] * len(at)
        for number, token in zip(chunk.tolist(), targets.token.tolist(), strict=True):
            parts[number] += reader.bytes[token] or b""
        spelled.append(parts)
    assert spelled[0] == spelled[1]


def test_sums_are_of_the_chunks_labels() -> None:
    values, chunk = torch.arange(1.0, 7.0), torch.tensor([-1, 0, 0, 1, 3, 3])
    assert chunk_sums(values, chunk, 4).tolist() == [5.0, 4.0, 0.0, 11.0]


def test_a_label_before_the_first_boundary_of_its_row_is_in_none() -> None:
    row, position = torch.tensor([0, 1]), torch.tensor([2, 1])
    labels = Targets(torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([1, 2, 5, 0, 4, 3]), torch.zeros(6).long())
    assert chunk_of(labels, row, position, 6).tolist() == [-1, 0, 0, -1, 1, -1]


def test_a_blank_batch_has_none() -> None:
    readers = tiny.pair().readers
    of = blank(examples(tiny.TEXT.split("\n\n")[:-1], readers, 32)[0], readers)
    found = chunk_of(of.targets, of.boundaries.row, of.boundaries.student, 32)
    assert found.shape == (0,)
    assert chunk_sums(torch.empty(0), found, 0).shape == (0,)
