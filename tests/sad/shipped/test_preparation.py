from dataclasses import replace
from itertools import count, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sad import tiny
from sad.align import columns, example
from sad.data import Readers, cache, segments, stream
from sad.invariants.truncated_alike import Prompted, truncated_alike
from sad.shipped.preparation import _told, preparation, prepared, streamed

TEXT = st.text(st.sampled_from(tiny.TEXT), min_size=4, max_size=120)


@settings(max_examples=20)
@given(prompt=TEXT, completion=TEXT, room=st.integers(16, 64))
def test_both_models_read_the_same_bytes_of_any_text_and_no_more_than_fits(prompt, completion, room):
    # beside a text that is never too short
    for readers in preparation()([Prompted(prompt, completion), Prompted("The sea was calm", " and grey.")], room):
        assert readers["the student"].text == readers["the teacher"].text
        assert max(read.tokens for read in readers.values()) <= room


def test_a_text_that_fits_is_one_piece():
    (piece,) = preparation()([Prompted("The sea was calm", " and grey.")], 48)
    assert piece["the student"].text == b"The sea was calm and grey."
    assert piece["the student"].tokens != 0


def test_examples_of_another_length_that_are_taken_for_these_are_named(monkeypatch):
    key = cache.content_key
    monkeypatch.setattr(cache, "content_key", lambda texts, readers, _, limit=None: key(texts, readers, 64, limit))
    assert "examples of other texts" in truncated_alike(preparation()).says


def test_a_stream_gives_what_a_list_gives():
    texts = [text for text in tiny.TEXT.split("\n\n") if text]
    readers = Readers(tiny.reader(320), tiny.reader(400))
    with streamed(texts, readers, 64) as read:
        assert read.size is None
        assert read.need(1000) == len(read)
        assert _told(read) == _told(prepared(texts, readers, 64))


def test_labels_that_are_counted_wrongly_are_named(monkeypatch):
    monkeypatch.setattr(columns, "_label_count", lambda one: len(one.student))
    with pytest.raises(AssertionError, match="another number of labels"):
        prepared([tiny.TEXT], Readers(tiny.reader(320), tiny.reader(400)), 32)


READERS = Readers(tiny.reader(320), tiny.reader(400))


def test_a_run_that_prepares_once_more_is_named(monkeypatch):
    monkeypatch.setattr(cache, "_kept", lambda *_: None)
    with pytest.raises(AssertionError, match="prepared again"):
        prepared([tiny.TEXT], READERS, 32)


TEXTS = [text for text in tiny.TEXT.split("\n\n") if text]


@pytest.mark.parametrize(
    ("limited", "says"),
    [(lambda limit: limit and limit + 1, "the first examples are others"), (lambda _: None, "others")],
)
def test_a_limit_that_is_not_kept_is_named(monkeypatch, limited, says):
    shipped = cache.Prepared
    monkeypatch.setattr(cache, "Prepared", lambda source, told, limit: shipped(source, told, limited(limit)))
    with pytest.raises(AssertionError, match=says):
        prepared(TEXTS, READERS, 32)


def test_texts_that_are_prepared_beyond_a_limit_are_named(monkeypatch):
    shipped = cache._write
    monkeypatch.setattr(
        cache, "_write", lambda writer, some, readers, room, _, n: shipped(writer, some, readers, room, None, n)
    )
    assert "more is prepared than they need" in truncated_alike(preparation()).says


@pytest.mark.parametrize(
    ("names", "says"),
    [(lambda: repeat("0"), "another stream is the same"), (lambda: map(str, count()), "a stream is prepared again")],
)
def test_a_stream_that_is_taken_for_another_is_named(monkeypatch, names, says):
    """Files that are named after nothing, or after something that is new each time."""
    groups, every = segments.groups, names()
    monkeypatch.setattr(segments, "groups", lambda *of: (replace(one, key=next(every)) for one in groups(*of)))
    with pytest.raises(AssertionError, match=says):
        prepared(TEXTS[:1], READERS, 32)


def test_a_run_that_goes_on_with_another_text_is_named(monkeypatch):
    shipped = stream.Streamed._accept

    def trusting(self, found):
        shipped(self, self._segments[self._read] if self._read < len(self._segments) else found)

    monkeypatch.setattr(stream.Streamed, "_accept", trusting)
    with pytest.raises(AssertionError, match="goes on with a stream that is not what it was"):
        prepared(TEXTS, READERS, 32)


def test_windows_that_get_lost_between_two_segments_are_named(monkeypatch):
    shipped = segments.write
    monkeypatch.setattr(
        segments, "write", lambda folder, of, first, parts: shipped(folder, of, max(0, first - 1), parts)
    )
    with pytest.raises(AssertionError, match="other examples"):
        prepared(TEXTS, READERS, 32)


def test_labels_of_what_is_not_learned_are_named(monkeypatch):
    """Where two ranges have a gap between them."""
    within = example._within
    monkeypatch.setattr(example, "_within", lambda *of: within(*of) | (of[2].shape[0] > 1))
    assert "other labels than the tokens of what is learned" in truncated_alike(preparation()).says


@pytest.mark.parametrize(
    ("name", "made", "says"),
    [
        ("sizes", lambda self, *of: shipped["sizes"](self, *of)[::-1], "other lengths"),
        ("key_at", lambda self, _: self._segments[-1].key, "a way is taken where there are two"),
        (
            "key_at",
            lambda self, n: shipped["key_at"](self, n + self._ended * (n > 1)),
            "changes while a stream is read",
        ),
        ("take_up", lambda self, key: shipped["take_up"](self, key) if self._segments else None, "some is not taken"),
        ("take_up", lambda self, key: anyhow(self, key), "is no continuation"),
        ("end_at", lambda *_: None, "goes on behind its end"),
        ("_step", lambda self: quietly(self), "taken for one that has ended"),
    ],
)
def test_a_stream_that_is_wrong_in_part_is_named(monkeypatch, name, made, says):
    monkeypatch.setattr(stream.Streamed, name, made)
    with pytest.raises(AssertionError, match=says):
        prepared(TEXTS, READERS, 32)


def quietly(self):
    """Take the next segment; one that cannot be had is the end."""
    shipped["_step"](self)
    self._ended, self._error = self._ended or self._error is not None, None


def anyhow(self, key):
    """Take what is behind what is known, whatever that is."""
    if len(self):
        for one in stream.segments.chain(self._maker.folder, key):
            self._append(one)
    else:
        shipped["take_up"](self, key)


shipped = {name: getattr(stream.Streamed, name) for name in ("sizes", "_step", "key_at", "take_up")}
