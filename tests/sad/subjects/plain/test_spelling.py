import pytest

from sad import tiny
from sad.subjects.plain.spelling import longest, spelled


@pytest.mark.parametrize("text", ["The whale", "Früh, перед 夜明け前 🐋", "“How far?”\n\n\tx"])
@pytest.mark.parametrize(("tokenizer", "before"), [(tiny.tokenizer(320), b""), (tiny.pieces(400), b" ")])
def test_tokens_spell_the_text(text, tokenizer, before):
    ids = tokenizer(text)["input_ids"]
    assert b"".join(spelled(tokenizer, i) for i in ids) == before + text.encode()


def test_every_byte_has_its_own_character():
    tokenizer = tiny.tokenizer(300)
    single = [spelled(tokenizer, i) for i in range(2, 258)]
    assert sorted(single) == [bytes([b]) for b in range(256)]


def test_the_longest_token_that_begins_a_text_is_found():
    table = {b"a": 1, b"ab": 2, b"b": 3}
    assert [longest(text, table) for text in (b"abc", b"ac", b"b")] == [2, 1, 3]
