"""A marker comes into a text and goes out of its batch."""

import pytest
import torch

from sad.errors import UserError
from sad.judge.collators.marker import MARKER, bare, marked, without_added_ends, without_header, without_marker
from sad.subjects.text_loss import Collated, Marks, Text

TEXT, CUT = Text((2, 3), (4, 0)), Text((), (5, 6))


def test_a_marker_stands_before_the_completion_and_is_taken_out():
    assert marked(TEXT).ids == (2, 3, MARKER, 4, 0)
    assert marked(CUT).prompt == (5, MARKER)
    ids = torch.tensor([[2, 3, MARKER, 4, 0], [5, MARKER, 6, 1, 1]])
    found = without_marker(Collated(ids, ids.clone(), torch.ones_like(ids)))
    assert found.input_ids.tolist() == [[2, 3, 4, 0], [5, 6, 1, 1]]
    assert found.labels.shape == found.attention_mask.shape == (2, 4)
    with pytest.raises(UserError, match="template"):
        without_marker(Collated(ids.where(ids != 5, MARKER), ids))


def test_an_end_mark_that_is_added_has_no_label_where_a_text_was_cut():
    marks = Marks(0, 1)
    assert (bare(TEXT, marks).ids, bare(CUT, marks).ids) == ((2, 3, 4), (5, 6))
    ids = torch.tensor([[2, 3, 4, 0], [5, 6, 0, 1]])
    found = without_added_ends(Collated(ids, ids.clone()), (TEXT, CUT), marks)
    assert found.labels.tolist() == [[2, 3, 4, 0], [5, 6, -100, 1]]


def test_the_first_header_of_each_row_is_taken_out_and_no_other():
    ids = torch.tensor([[2, MARKER, 3, MARKER], [MARKER, 4, 5, 1]])
    labels = torch.tensor([[-100, -100, 3, MARKER], [-100, 4, 5, -100]])
    found = without_header(Collated(ids, labels, torch.ones_like(ids)))
    assert found.input_ids.tolist() == [[2, 3, MARKER], [4, 5, 1]]
    assert found.labels.tolist() == [[-100, 3, MARKER], [4, 5, -100]]
    assert found.attention_mask.shape == (2, 3)
    without = Collated(ids[:, 2:], labels[:, 2:], None)
    assert without_header(without) is without
