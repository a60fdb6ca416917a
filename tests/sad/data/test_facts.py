"""What is known of prepared examples is what is counted on a list of them."""

from __future__ import annotations

from pathlib import Path

from sad import tiny
from sad.align.example import Readers
from sad.data import examples, prepare
from sad.data.facts import coverage, fingerprint, lengths, longest_sides
from sad.data.prepared import Prepared
from sad.document import Document

READERS = Readers(tiny.reader(320), tiny.reader(400))
SOME = [*tiny.TEXT.split("\n\n")[:-1], Document(tiny.TEXT, ((3, 60), (100, 180)))]


def test_what_is_known_is_what_is_counted(tmp_path: Path) -> None:
    kept = prepare(SOME, READERS, 24, tmp_path)
    plain = list(kept)
    assert isinstance(kept, Prepared)
    assert 0 < coverage(kept) < 1
    assert coverage(kept) == coverage(plain)
    assert lengths(kept).tolist() == lengths(plain).tolist()
    assert longest_sides(kept).tolist() == longest_sides(plain).tolist()


def test_other_examples_have_another_fingerprint(tmp_path: Path) -> None:
    kept = prepare(SOME, READERS, 24, tmp_path)
    assert fingerprint(kept) == kept.fingerprint
    assert fingerprint(list(kept)) == fingerprint(list(kept))
    prints = [
        fingerprint(examples(texts, READERS, length))
        for texts, length in (
            (SOME, 24),
            (SOME, 25),
            (SOME[::-1], 24),
            (SOME[:-1], 24),
            ([*SOME[:-1], Document(tiny.TEXT, ((3, 60), (100, 190)))], 24),
        )
    ]
    assert len(set(prints)) == len(prints)
