"""The texts of a metric as batches of ids: the same labels, whatever the form."""

import pytest
import torch

from sad.invariants.token_weighted import made_texts, padded
from sad.judge.evaluators.batches import FORMS, PAD, loader, rows_of
from sad.subjects.metric import Scored
from sad.subjects.text_loss import IGNORED

TEXTS = made_texts(1.0)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_the_labels_are_those_of_the_texts(bare, left):
    scored = padded(TEXTS, left=left)
    rows, student, teacher = rows_of(scored, bare=bare)
    for row, text in enumerate(TEXTS):
        following = text.labels[0, 1:]
        counted = following[following != -100]
        assert torch.equal(rows.labels[row][rows.labels[row] != -100], counted)
        known = rows.ids[row][rows.mask[row].bool()]
        assert tuple(known.tolist()) == student[row].ids == teacher[row].ids
        assert torch.equal(known[-len(counted) :], counted)
        if bare:
            assert len(known) == len(counted) + 1
    assert (rows.ids[rows.mask == 0] == PAD).all()
    assert bool(rows.mask[1, 0]) is not (left and not bare) or rows.mask[1].all()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.says)
def test_a_loader_gives_each_batch_once(form):
    batches = [rows_of(padded(some), bare=form.bare)[0] for some in (TEXTS[:4], TEXTS[4:])]
    made = loader(form, batches)
    assert len(list(made)) == len(made) == 2
    assert len(made.dataset) == len(TEXTS)


def test_a_text_without_a_label_has_tokens_where_labels_are_apart():
    none = Scored(torch.zeros(1, 4, 3), torch.zeros(1, 4, 3), torch.full((1, 4), IGNORED))
    assert [rows_of(none, bare=bare)[0].labels.tolist() for bare in (False, True)] == [[[IGNORED] * 2], [[IGNORED]]]
