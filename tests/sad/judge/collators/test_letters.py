"""The tokenizer of any template: a text's words are one token, and all others are their letters."""

from __future__ import annotations

from sad.judge.collators.letters import BEGINS, tokenizer
from sad.subjects.text_loss import Marks


def test_words_and_letters_are_read_one_by_one():
    read = tokenizer(Marks(0, 1))
    ids = read("USER:t2t3 gpt4</s>")["input_ids"]
    assert ids[5:7] == [2, 3]
    assert ids[-1] == 0
    assert len(ids) == 12
    assert 4 not in ids
    assert read("SU")["input_ids"] == ids[1::-1]


def test_a_begin_mark_and_the_padding_mark():
    read = tokenizer(Marks(0, 0), "left", begins=True)
    assert read("t2")["input_ids"] == [read.bos_token_id, 2] == [BEGINS, 2]
    assert (read.pad_token_id, read.padding_side) == (0, "left")
    assert tokenizer(Marks(0, 1)).pad_token_id == 1
