"""Where a text stands in a batch, and what its labels should be."""

import torch

from sad.judge.collators.textbook import Place, masks_prompts, outside, places, right_labels, smallest
from sad.subjects.text_loss import Collated, Marks, Text

TEXTS = (Text((2, 3), (4, 0)), Text((), (5, 0)))
IDS = torch.tensor([[2, 3, 4, 0], [1, 1, 5, 0]])
LABELS = torch.tensor([[-100, -100, 4, 0], [-100, -100, -100, 0]])


def test_texts_are_found_on_either_side_and_in_one_row():
    batch = Collated(IDS, LABELS)
    assert places(batch, TEXTS) == [Place(0, 0), Place(1, 2)]
    assert outside(batch, TEXTS) == [(1, 0), (1, 1)]
    row = Collated(torch.tensor([[5, 0, 2, 3, 4, 0]]), torch.zeros(1, 6))
    assert places(row, TEXTS) == [Place(0, 2), Place(0, 0)]
    assert places(Collated(IDS[:, 1:], LABELS[:, 1:]), TEXTS)[0] is None


def test_labels_of_the_textbook():
    assert right_labels(Collated(IDS, LABELS), TEXTS, prompts=False) == LABELS.tolist()
    assert right_labels(Collated(IDS, LABELS), TEXTS, prompts=True)[0] == [-100, 3, 4, 0]
    assert right_labels(Collated(IDS, LABELS, shifted=True), TEXTS, prompts=False)[0] == [-100, 4, 0, -100]
    assert masks_prompts(Collated(IDS, LABELS), TEXTS)
    assert not masks_prompts(Collated(IDS, IDS), TEXTS)


def test_the_first_wrong_batch_is_shown():
    wrong = LABELS.clone()
    wrong[0, 3] = -100
    marks = Marks(0, 1)
    right = (Collated(IDS, LABELS), TEXTS, marks)
    assert smallest([right], prompts=False) == ""
    said = smallest([right, (Collated(IDS, wrong), TEXTS, marks)], prompts=False)
    assert "labels [-100, -100, 4, -100], right [-100, -100, 4, 0]" in said
