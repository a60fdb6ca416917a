"""What a chat template gives is read as ids, and as an encoding."""

from __future__ import annotations

import pytest
import torch

from sad.judge.collators.chats import Encoded
from sad.judge.collators.templates import MARKS
from sad.judge.collators.words import tokenizer

CHAT = [{"role": "user", "content": "t2 t3"}, {"role": "assistant", "content": "t4"}]


def test_ids_answer_to_the_names_of_an_encoding():
    made = tokenizer(MARKS)
    found = made.apply_chat_template(CHAT)
    assert torch.LongTensor(found).tolist() == found["input_ids"] == found.input_ids == list(found)
    assert found[0] == found["input_ids"][0]
    assert len(found.attention_mask) == len(found)
    with pytest.raises(AttributeError, match="labels"):
        _ = found.labels


def test_what_is_asked_for_is_given():
    made = tokenizer(MARKS)
    assert not isinstance(made.apply_chat_template(CHAT, return_dict=True), Encoded)
    assert not isinstance(made.apply_chat_template(CHAT, return_dict=False), Encoded)
    assert isinstance(made.apply_chat_template(CHAT, tokenize=False), str)
    assert made.apply_chat_template(CHAT, return_tensors="pt")["input_ids"].shape[0] == 1
