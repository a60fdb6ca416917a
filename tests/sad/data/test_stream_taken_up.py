"""What is prepared of a stream is taken up only where it goes on with what is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sad import tiny
from sad.align.example import Readers
from sad.data import examples, segments
from sad.data.stream import Streamed

READERS = Readers(tiny.reader(320), tiny.reader(400))
TEXTS = [f"{number} {tiny.TEXT[37 * number : 37 * number + 160]}" for number in range(12)]
ALL = 10**9


def streamed(folder: Path, texts: Any = TEXTS) -> Streamed:
    return Streamed(texts, READERS, 24, folder, workers=0)


def ids(some: Any) -> list[list[int]]:
    return [one.student.tolist() for one in some]


PLAIN = ids(examples(TEXTS, READERS, 24))


def test_what_is_no_continuation_of_what_is_known_is_not_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FIRST", 300)
    monkeypatch.setattr(segments, "MOST", 400)
    texts = [TEXTS[0][::-1], *TEXTS[1:]]
    first, other = streamed(tmp_path), streamed(tmp_path, texts)
    first.need(ALL)
    other.need(1)
    known = ids(other)
    other.take_up(first.key_at(ALL))
    assert ids(other) == known
    # all of it is known: what lies behind its end on disk is another text's
    longer = streamed(tmp_path, [*TEXTS, *TEXTS])
    longer.need(ALL)
    again = streamed(tmp_path)
    again.need(ALL)
    again.take_up(longer.key_at(ALL))
    assert ids(again) == PLAIN
    assert again.size == len(PLAIN)


def test_nothing_is_adopted_behind_the_end_of_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FIRST", 300)
    monkeypatch.setattr(segments, "MOST", 400)
    longer = streamed(tmp_path)
    longer.need(ALL)
    # ends where a segment of the longer text does, so that what lies on disk goes on with it
    text = TEXTS[:8]
    ended = streamed(tmp_path, text)
    ended.need(ALL)
    ended.take_up(longer.key_at(ALL))
    assert ids(ended) == ids(examples(text, READERS, 24))
    assert ended.size == len(ended) < len(PLAIN)
