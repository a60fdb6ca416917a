"""Labels are the tokens behind their places, and both models read the same."""

import torch

from sad.batch import Tokens
from sad.shipped.alike import read_alike


def test_each_label_is_the_token_behind_its_place_and_a_common_boundary():
    ids = torch.tensor([[3, 1, 4, 1], [5, 9, 2, 6]])
    batch = read_alike(Tokens(ids, torch.ones_like(ids)), torch.tensor([0, 0, 1]), torch.tensor([0, 2, 1]))
    assert batch.targets.token.tolist() == [1, 1, 2]
    assert batch.student is batch.teacher
    assert batch.targets is batch.teacher_targets
    assert [one.tolist() for one in (batch.boundaries.row, batch.boundaries.student, batch.boundaries.teacher)] == [
        [0, 0, 1],
        [0, 2, 1],
        [0, 2, 1],
    ]
    assert batch.boundaries.target.tolist() == [0, 1, 2]
    assert batch.byte_count == 3
