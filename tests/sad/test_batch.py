"""What travels, and what it counts."""

from __future__ import annotations

from dataclasses import fields, replace

import torch

from sad.batch import CONTRASTIVE, KD, LAYERWISE, LM, Batch, Boundaries, Targets, Tokens


def some(labels: int = 3, places: int = 2) -> Batch:
    def row(n: int) -> torch.Tensor:
        return torch.arange(n)

    tokens = Tokens(torch.ones(2, 4, dtype=torch.int64), torch.ones(2, 4, dtype=torch.int64))
    targets = Targets(row(labels), row(labels), row(labels))
    return Batch(
        tokens, tokens, targets, targets, Boundaries(row(places), row(places), row(places), row(places)), byte_count=17
    )


def test_units_are_labels_for_the_language_model_and_boundaries_for_the_rest() -> None:
    assert some(5, 3).counts() == {LM: 5, KD: 3, LAYERWISE: 3, CONTRASTIVE: 3}
    assert some(4, 0).counts() == {LM: 4, KD: 0, LAYERWISE: 0, CONTRASTIVE: 0}


def test_length_is_the_number_of_places() -> None:
    batch = some(5, 3)
    assert (len(batch.targets), len(batch.teacher_targets), len(batch.boundaries)) == (5, 5, 3)


def test_everything_moves_and_nothing_changes() -> None:
    moved = replace(some(), numbers=(4, 2)).to("meta")
    assert (moved.byte_count, moved.numbers) == (17, (4, 2))
    for part in fields(moved):
        value = getattr(moved, part.name)
        if part.name not in ("byte_count", "numbers"):
            assert {getattr(value, f.name).device.type for f in fields(value)} == {"meta"}
    same = some().to("cpu")
    assert torch.equal(same.student.input_ids, some().student.input_ids)
    assert torch.equal(same.boundaries.target, some().boundaries.target)
