"""More padding behind the same texts changes no gradient, but of a step that counts it."""

import pytest
import torch

from sad.judge.judging import Code
from sad.judge.steps.padding import counted
from sad.verdict import Standing, Verdict

BEFORE = Verdict(True, "as it was")


def reads(batch):
    return batch["attention_mask"]


def reads_none(batch):
    return batch


def _mean(texts, padding=0):
    """A mean over all places."""
    return torch.ones(3) * sum(map(len, texts)) / (len(texts) * (max(map(len, texts)) + padding))


def _left_out(texts, padding=0):
    del padding
    return torch.ones(3) * sum(map(len, texts))


def test_padding_that_counts_is_told():
    verdict = counted(_mean, Code(reads), BEFORE)
    assert not verdict.holds
    assert "padding counts: with 8 more places" in verdict.says
    assert counted(_left_out, Code(reads), BEFORE) is BEFORE


def packed(batch):
    """Rows are packed: there is no padding, so no attention_mask is needed."""
    # ignore_index is for nothing here
    return torch.nn.functional.pad(batch["labels"].masked_fill(batch["vocab_mask"], 0), (0, 1))


@pytest.mark.parametrize("code", [reads_none, packed])
def test_it_is_allowed_where_no_mask_is_read(code):
    verdict = counted(_mean, Code(code), BEFORE)
    assert verdict.holds
    assert verdict.standing is Standing.ALLOWED


def test_a_gradient_that_is_not_the_same_twice_is_not_judged():
    noise = iter(range(1, 9))
    assert counted(lambda texts, padding=0: torch.ones(3) * next(noise), Code(reads), BEFORE) is BEFORE  # noqa: ARG005
