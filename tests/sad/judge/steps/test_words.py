"""What a step asks of a tokenizer is there; texts of its own are not read."""

import pytest
import torch

from sad.errors import UserError
from sad.judge.records import Text
from sad.judge.steps.model import batch
from sad.judge.steps.words import Words, texts_of


def test_it_has_marks_and_sizes_and_writes_ids():
    words = Words()
    assert not words
    assert (words.pad_token_id, len(words), words.pad_token, words.add_special_tokens({})) == (0, 7, "</s>", 0)
    assert words.batch_decode([[1, 2], [3]], skip_special_tokens=True) == ["t1 t2", "t3"]
    assert words.save_pretrained("folder") is None
    assert (words.cls_token_id, words.sep_token, words.additional_special_tokens) == (0, "</s>", [])
    assert (words.convert_tokens_to_ids("a"), words.convert_tokens_to_ids(["a"]), words.add_tokens([])) == (0, [0], 0)
    with pytest.raises(AttributeError):
        getattr(words, "no_mark")  # noqa: B009
    with pytest.raises(UserError, match="reads texts of its own"):
        words("a text", return_tensors="pt")


def test_texts_that_were_read_here_are_its_words():
    words, some = Words(), [batch([torch.tensor([1, 2, 3]), torch.tensor([4])])]
    texts = [Text(one) for one in texts_of(some)]
    assert texts == ["t1 t2 t3", "t4"]
    assert words(texts)["input_ids"] == [[1, 2, 3], [4]]
    assert (words(texts[1])["attention_mask"], words.encode(texts[0])) == ([1], [1, 2, 3])
