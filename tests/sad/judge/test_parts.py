"""What a trainer holds besides settings."""

from __future__ import annotations

import pytest
import torch

from sad.judge.names import LOGGING
from sad.judge.parts import Accelerator, Marked, pad_for, trainer_parts
from sad.judge.stand_in import Model, NeedsAdapterError


def test_of_a_tokenizer_the_padding_mark_alone_is_known():
    assert Marked().pad_token_id == -100
    assert Marked(0).pad_token_id == 0
    with pytest.raises(NeedsAdapterError, match=r"tokenizer\.decode"):
        _ = Marked().decode


@pytest.mark.parametrize(
    ("text", "pad"),
    [
        ("labels[labels == -100] = tokenizer.pad_token_id", 0),
        ("labels[labels == (-100)] = module.tokenizer.pad_token_id", 0),
        ("labels = torch.where(labels == -100, tokenizer.pad_token_id, labels)", 0),
        ("labels.masked_fill(labels == -100, tokenizer.pad_token_id)", 0),
        ("mask = labels != tokenizer.pad_token_id", -100),
        ("labels[labels == tokenizer.pad_token_id] = -100", -100),
    ],
)
def test_padding_that_stands_where_no_label_is_has_an_id_of_the_vocabulary(text, pad):
    assert pad_for(text) == pad


def test_the_parts_have_the_names_that_trainers_give_them():
    student, teacher = (Model(torch.zeros(1, 2, 3)) for _ in range(2))
    parts = trainer_parts(lambda: teacher, lambda: student)
    assert parts["student_model"] is parts["model"] is student
    assert parts["teacher"] is parts["ref_model"] is teacher
    assert parts["accelerator"].unwrap_model(student) is student
    assert Accelerator().gather(torch.ones(2)).tolist() == [1, 1]
    assert all(parts[name]({"loss": 1.0}) is None for name in LOGGING)
