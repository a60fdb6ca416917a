"""Targets give the same rows whole and in pieces; a list of tokens knows one temperature."""

from __future__ import annotations

import pytest
import torch

from sad import tiny
from sad.head.linear import Head
from sad.head.target import Live, TopK


def test_a_live_target_has_a_column_for_each_of_the_teachers_tokens() -> None:
    vocab = tiny.pair(320, 448).vocab
    of = Live(torch.randn(9, 16), Head(torch.randn(vocab.teacher_size + 7, 16)), vocab)
    assert (len(of), of.columns) == (9, vocab.teacher_size)


def test_a_list_of_tokens_is_at_one_temperature() -> None:
    of = TopK(torch.zeros(3, 1, dtype=torch.int64), torch.zeros(3, 1), torch.full((3,), -torch.inf), 2.0)
    assert len(of) == 3
    assert of.buckets(slice(1, 3), 2.0).ids.shape == (2, 1)
    with pytest.raises(ValueError, match=r"is at temperature 2\.0, not 1\.0"):
        of.buckets(slice(0, 1), 1.0)
