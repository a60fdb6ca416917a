"""Where each token ends, for tokenizers that keep the text and for those that change it."""

from __future__ import annotations

import copy
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from sad import tiny
from sad.align.reader import NO_END, Reader, ends_from_spans
from sad.errors import UserError

PIECES = [
    *"abethé ñß\n\t.,1 9",
    "the",
    " the",
    " sea",
    "  ",
    "夜明け",
    "рассвет",
    "🐋",
    "👩‍🚀",
    "e\u0301",
    "ﬁ",
    "\u200b",
    "ب",
    "क्षि",
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=12).map("".join)


def starts(text: str) -> set[int]:
    """Return the byte offsets between characters of ``text``."""
    return {0, *accumulate(len(c.encode()) for c in text)}


@given(text=texts)
def test_spans_agree_with_bytes_on_a_byte_level_tokenizer(text: str) -> None:
    reader = tiny.reader(320)
    encoded = reader.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    by_bytes = reader.read([text])[0].ends
    assert by_bytes.tolist() == list(accumulate(len(reader.bytes[i] or b"") for i in encoded["input_ids"]))
    whole = [end if end in starts(text) else NO_END for end in by_bytes.tolist()]
    assert ends_from_spans(text, encoded["offset_mapping"]).tolist() == whole


@given(text=texts)
def test_what_a_byte_level_tokenizer_reads_is_the_text(text: str) -> None:
    reader = tiny.reader(400)
    (found,) = reader.read([text])
    assert b"".join(reader.bytes[i] or b"" for i in found.ids.tolist()) == text.encode()
    assert found.ids.dtype == found.ends.dtype == np.int64
    if text:
        assert found.ends[-1] == len(text.encode())


@given(text=texts)
def test_with_byte_fallback_every_end_is_exact(text: str, sentencepiece: Reader) -> None:
    (found,) = sentencepiece.read([text])
    read = list(accumulate(len(sentencepiece.bytes[i] or b"") for i in found.ids.tolist()))
    # the tokenizer puts a space before a text that does not begin with one
    added = read[-1] - len(text.encode()) if read else 0
    assert added in (0, 1)
    assert found.ends.tolist() == [end - added if end > added else NO_END for end in read]
    assert not text or found.ends[-1] == len(text.encode())


@given(text=texts)
def test_with_changed_text_every_end_is_between_characters_and_rises(text: str, folding: Reader) -> None:
    (found,) = folding.read([text])
    ends = found.ends[found.ends != NO_END]
    assert set(ends.tolist()) <= starts(text)
    assert (np.diff(ends) > 0).all()


def test_only_the_last_byte_of_a_letter_ends_it() -> None:
    spans = [(0, 1), (1, 2), (1, 2), (1, 2), (2, 4)]
    assert ends_from_spans("aé夜b", spans).tolist() == [1, NO_END, NO_END, 3, 7]


def test_a_token_of_no_text_is_no_end() -> None:
    assert ends_from_spans("ab", [(0, 0), (0, 1), (1, 1), (1, 2)]).tolist() == [NO_END, 1, NO_END, 2]
    assert ends_from_spans("", []).tolist() == []


def test_texts_are_read_in_order_and_one_by_one() -> None:
    reader = tiny.reader(400)
    some = ["the sea", "", "nobody answered"]
    together = reader.read(some)
    for text, found in zip(some, together, strict=True):
        (alone,) = reader.read([text])
        assert found.ids.tolist() == alone.ids.tolist()
        assert found.ends.tolist() == alone.ends.tolist()


def test_marks_of_the_tokenizer(sentencepiece: Reader, folding: Reader) -> None:
    assert sentencepiece.prefix == (sentencepiece.tokenizer.bos_token_id,)
    assert sentencepiece.eos == sentencepiece.tokenizer.eos_token_id
    assert tiny.reader(400).prefix == ()
    assert tiny.reader(400).pad == tiny.tokenizer(400).pad_token_id
    # no padding token: any other real token will do
    assert folding.pad == folding.eos


def test_size_counts_real_tokens() -> None:
    reader = tiny.reader(400)
    assert reader.size == len(reader.bytes) == max(reader.tokenizer.get_vocab().values()) + 1


def test_a_tokenizer_that_cannot_tell_is_refused() -> None:
    from transformers import ByT5Tokenizer

    with pytest.raises(UserError, match="ByT5Tokenizer"):
        Reader(ByT5Tokenizer())


@given(texts=st.lists(texts, min_size=1, max_size=3))
def test_the_compiled_tokenizer_reads_as_the_one_around_it(texts: list[str], sentencepiece: Reader) -> None:
    for reader in (tiny.reader(320), sentencepiece):
        assert reader._direct
        around = copy.copy(reader)
        # what travels to another process has left it behind
        around._direct, around.tokenizer = False, reader.tokenizer
        for mine, theirs in zip(reader.read(texts), around.read(texts), strict=True):
            assert mine.ids.tolist() == theirs.ids.tolist()
            assert mine.ends.tolist() == theirs.ends.tolist()


def test_a_pattern_that_tries_too_many_ways_is_told_in_a_line() -> None:
    made = copy.deepcopy(tiny.reader(320).tokenizer)
    made.backend_tokenizer.pre_tokenizer = Split(Regex("(a+)+$"), "isolated")
    reader = Reader(made)
    with pytest.raises(UserError, match=r"gives up on a text \(.*retry-limit.*\): mend the patterns in its") as told:
        reader.read(["a" * 60 + "!"])
    assert "\n" not in str(told.value)
