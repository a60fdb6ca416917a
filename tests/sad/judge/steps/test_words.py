"""What a step asks of a tokenizer is there; texts of its own are not read."""

import pytest

from sad.errors import UserError
from sad.judge.steps.words import Words


def test_it_has_marks_and_sizes_and_writes_ids():
    words = Words()
    assert not words
    assert (words.pad_token_id, len(words), words.pad_token, words.add_special_tokens({})) == (0, 7, "</s>", 0)
    assert words.batch_decode([[1, 2], [3]], skip_special_tokens=True) == ["t1 t2", "t3"]
    assert words.save_pretrained("folder") is None
    with pytest.raises(UserError, match="reads texts of its own"):
        words("a text", return_tensors="pt")
