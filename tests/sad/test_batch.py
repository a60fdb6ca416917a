"""What travels, and what it counts."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from sad.batch import ALM, ATTENTION, CONTRASTIVE, KD, LAYERWISE, LM, Batch, Boundaries, Targets, Tokens


def some(labels: int = 3, places: int = 2) -> Batch:
    def row(n: int) -> torch.Tensor:
        return torch.arange(n)

    ones = torch.ones(2, 4, dtype=torch.int64)
    tokens = Tokens(ones, ones, ones, ones)
    targets = Targets(row(labels), row(labels), row(labels))
    boundaries = Boundaries(row(places), row(places), row(places), row(places), row(places))
    return Batch(tokens, tokens, targets, targets, boundaries, byte_count=17)


def test_units_are_labels_for_the_language_model_and_boundaries_for_the_rest() -> None:
    assert some(5, 3).counts() == {LM: 5, **dict.fromkeys((KD, ALM, LAYERWISE, ATTENTION, CONTRASTIVE), 3)}
    assert some(4, 0).counts() == {LM: 4, **dict.fromkeys((KD, ALM, LAYERWISE, ATTENTION, CONTRASTIVE), 0)}


def test_length_is_the_number_of_places() -> None:
    batch = some(5, 3)
    assert (len(batch.targets), len(batch.teacher_targets), len(batch.boundaries)) == (5, 5, 3)


def test_everything_moves_and_nothing_changes() -> None:
    moved = replace(some(), numbers=(4, 2)).to("meta")
    assert (moved.byte_count, moved.numbers) == (17, (4, 2))
    for part in fields(moved):
        value = getattr(moved, part.name)
        if part.name not in ("byte_count", "numbers"):
            tensors = [one for f in fields(value) if (one := getattr(value, f.name)) is not None]
            assert {one.device.type for one in tensors} == {"meta"}
            assert len(tensors) == {Tokens: 4, Targets: 3, Boundaries: 5}[type(value)]
    same = some().to("cpu")
    assert torch.equal(same.student.input_ids, some().student.input_ids)
    assert torch.equal(same.boundaries.target, some().boundaries.target)


def test_every_tensor_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which needs a GPU: the copy stands for it."""
    pinned: list[torch.Tensor] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(tensor.clone())
        return pinned[-1]

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    found = replace(some(), numbers=(4, 2)).pinned()
    assert found.numbers == (4, 2)
    parts = [getattr(found, f.name) for f in fields(found) if f.name not in ("byte_count", "numbers")]
    tensors = [one for part in parts for f in fields(part) if (one := getattr(part, f.name)) is not None]
    assert {id(one) for one in tensors} == {id(one) for one in pinned}
    assert torch.equal(found.targets.token, some().targets.token)


def test_what_is_not_there_stays_away() -> None:
    ones = torch.ones(1, 2, dtype=torch.int64)
    there = Tokens(ones, ones).to("meta")
    assert (there.position_ids, there.text) == (None, None)


def test_a_boundary_lies_in_the_text_of_its_row_unless_rows_hold_several() -> None:
    at = torch.tensor([0, 0, 1])
    assert Boundaries(at, at, at, at).texts.tolist() == [0, 0, 1]
    assert Boundaries(at, at, at, at, torch.tensor([0, 1, 2])).texts.tolist() == [0, 1, 2]
