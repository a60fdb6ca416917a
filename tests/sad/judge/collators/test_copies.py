"""Labels that are copies of ids, at their places or at the next; and those that are neither."""

from __future__ import annotations

import pytest
import torch

from sad.judge.collators.copies import copies
from sad.judge.collators.templates import MARKS
from sad.subjects.text_loss import Collated
from sad.verdict import Standing

IDS = [[2, 3, 4, 5, 1]]


@pytest.mark.parametrize("labels", [[2, 3, 4, 5, -100], [-100, -100, 4, 5, -100], [3, 4, 5, -100, -100]])
def test_copies_are_left_alone(labels):
    assert copies(Collated(torch.tensor(IDS), torch.tensor([labels]))) is None


@pytest.mark.parametrize(
    ("labels", "standing", "word"),
    [
        ([-100, 2, 3, 4, -100], Standing.BROKEN, "the id before its place"),
        ([2, 3, 9, 5, -100], Standing.BROKEN, "1 of 4 labels are not those of their place"),
        ([2, 3, 4, 5, 1], Standing.BROKEN, "1 labels are those of padding"),
        ([7, 8, 9, 5, -100], Standing.NOT_APPLICABLE, "another text's"),
        ([-100] * 5, Standing.NOT_APPLICABLE, "no text here gets a label"),
    ],
)
def test_others_are_told(labels, standing, word):
    found = copies(Collated(torch.tensor(IDS), torch.tensor([labels])))
    assert found is not None
    assert (found.standing, word in found.says) == (standing, True), found.says


def test_an_end_mark_may_be_learned_where_a_mark_of_its_own_stands():
    ids, labels = torch.tensor([[2, 3, 90, 4, 5]]), torch.tensor([[2, 3, MARKS.eos, 4, 5]])
    assert copies(Collated(ids, labels), {2, 3, 4, 5}) is None
    for words in (None, {2, 3, 90, 4, 5}):
        found = copies(Collated(ids, labels), words)
        assert found is not None
        assert not found.holds
