"""A file of examples as a sequence of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sad import tiny
from sad.align.columns import packed
from sad.align.example import Counts, Example, Readers, cut
from sad.data.prepared import Prepared, Writer

READERS = Readers(tiny.reader(320), tiny.reader(400))
SOME = cut([tiny.TEXT], READERS, 24)[0]


def written(path: Path | None, counts: Counts | None = None) -> Prepared:
    writer = Writer(path, "a key")
    # an empty part in the middle, as of documents that gave nothing
    for part in (SOME[:4], [], SOME[4:]):
        writer.write(packed(part), counts or Counts(1, 10, len(part), 10))
    kept = writer.close()
    return Prepared(kept if path is None else path)


@pytest.fixture(params=["file", "memory"])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> Prepared:
    return written(tmp_path / "some.arrow" if request.param == "file" else None)


def ids(some: list[Example]) -> list[list[int]]:
    return [one.student.tolist() for one in some]


def test_it_is_a_sequence(found: Prepared) -> None:
    assert len(found) == len(SOME)
    assert ids(list(found)) == ids(SOME)
    assert ids(found[2:7]) == ids(SOME[2:7])
    assert ids(found[::-2]) == ids(SOME[::-2])
    assert found[-1].student.tolist() == SOME[-1].student.tolist()
    # numbers come from numpy
    assert found[np.int64(5)].student.tolist() == SOME[5].student.tolist()
    for outside in (len(SOME), -len(SOME) - 1):
        with pytest.raises(IndexError):
            found[outside]


def test_it_knows_its_key_and_what_became_of_the_text(found: Prepared) -> None:
    assert found.fingerprint == "a key"
    assert found.counts == Counts(3, 30, len(SOME), 30)


def test_totals_are_those_of_the_examples(found: Prepared) -> None:
    assert found.labels == sum(len(e.labels()[0]) for e in SOME)
    assert found.boundaries == sum(len(e.at_student) for e in SOME)
    assert found.lengths.tolist() == [len(e.student) + len(e.teacher) for e in SOME]
    assert found.longest_side.tolist() == [max(len(e.student), len(e.teacher)) for e in SOME]


def test_nobody_can_change_what_is_in_the_file(found: Prepared) -> None:
    one = found[0]
    one.student[:] = 0
    assert found[0].student.tolist() == SOME[0].student.tolist()


def test_what_is_left_out_is_told_where_it_is_much() -> None:
    assert written(None).left_out == []
    (line,) = written(None, Counts(1, 100, 0, 90, 0, 0)).left_out
    assert line.startswith("10% of the text is in no window")
    (line,) = written(None, Counts(1, 100, 0, 60, 400, 40)).left_out
    assert line == "1,200 windows hold nothing to be learned and are left out"
