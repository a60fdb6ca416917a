"""A text is found by its words, whatever stands round them; what is learned of it is told by word."""

from __future__ import annotations

import pytest
import torch

from sad.judge.collators.templates import TEXTS, Learned, clear, holds, learned
from sad.subjects.text_loss import Collated

IDS = [[60, 2, 61, 3, 4, 62, 5, 6, 7, 0], [60, 8, 62, 9, 10, 11, 12, 13, 14, 0]]


def batch(ids, labels=None):
    return Collated(torch.tensor(ids), torch.tensor(ids if labels is None else labels))


def test_words_are_found_between_others():
    assert holds(batch(IDS), TEXTS[:2])
    assert not holds(batch(IDS[::-1]), TEXTS[:2])
    assert not holds(batch([[60, 2, 61, 4, 3, 62, 5, 6, 7, 0]]), TEXTS[:1])
    assert not holds(batch(IDS), TEXTS[:1])


@pytest.mark.parametrize(
    ("labels", "found", "whole"),
    [
        ([-100] * 6 + [5, 6, 7, 0], Learned(0, 3, 4), True),
        ([-100, 2, 61, 3, 4, 62, 5, 6, 7, 0], Learned(3, 3, 9), True),
        ([-100] * 4 + [4, 62, 5, 6, 7, 0], Learned(1, 3, 6), False),
        ([-100] * 7 + [6, 7, 0], Learned(0, 2, 3), False),
    ],
)
def test_what_is_learned_is_told_by_word(labels, found, whole):
    assert learned(batch(IDS[:1], [labels]), 0, TEXTS[0]) == found
    assert clear(found, TEXTS[0]) is whole
