import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.shipped.vocabulary_loss import vocabulary_loss
from sad.subjects.vocabulary import Heads, VocabularyLoss


def test_no_implementation_claims_more_than_one_tokenizer_by_itself():
    assert not VocabularyLoss(lambda heads: heads.student_logits.sum()).across


@given(mine=st.integers(0, 40), theirs=st.integers(0, 40), seed=st.integers(0, 100))
def test_rows_beyond_the_tokenizer_change_nothing_in_the_code_that_trains(mine, theirs, seed):
    tokenizer, noise = tiny.tokenizer(300), torch.Generator().manual_seed(seed)
    student = torch.randn(3, len(tokenizer) + mine, generator=noise)
    teacher = torch.randn(3, len(tokenizer) + theirs, generator=noise)
    size = len(tokenizer)
    whole = vocabulary_loss().loss(Heads(student, teacher, tokenizer, tokenizer))
    cut = vocabulary_loss().loss(Heads(student[:, :size], teacher[:, :size], tokenizer, tokenizer))
    assert whole.item() == pytest.approx(cut.item(), rel=1e-6)
