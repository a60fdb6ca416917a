"""A mean over tokens does not grow with the length of the texts; a sum does, and `batchmean` is one."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from sad.judge.judging import Code
from sad.judge.steps.lengths import SIZES, alike, grows
from sad.verdict import Standing

NONE = Code(None)


@given(st.floats(0.1, 10), st.floats(0, 10), st.integers(0, 1))
def test_what_grows_with_the_rows_is_told(mean, each, fewer):
    """A gradient of a mean, and of a sum over all rows or all but one, of directions of their own."""
    fixed, other = torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 3.0, 1.0])

    def both(texts):
        return mean * fixed + each * (len(texts[0]) - fewer) * other

    def alone(texts):
        return (0.1 + each) * (len(texts[0]) - fewer) * other

    verdict = grows(both, NONE)
    if each == 0:
        assert verdict.standing is Standing.HOLDS
    elif each > 0.1:
        assert verdict.standing is Standing.BROKEN
        assert "a part of it is a mean" in verdict.says
    assert grows(alone, NONE).standing is Standing.ALLOWED


def test_what_does_not_grow_evenly_is_left_alone():
    verdict = grows(lambda texts: torch.tensor([1.0, float(len(texts[0])) ** 3]), NONE)
    assert verdict.standing is Standing.ALLOWED
    assert "does not grow evenly" in verdict.says
    assert grows(lambda _: torch.zeros(2), NONE).standing is Standing.NOT_APPLICABLE


def test_texts_are_of_one_token():
    assert [len(text) for text in alike(SIZES[1])] == [SIZES[1]] * 2
    assert len({int(token) for text in alike(5) for token in text}) == 1
