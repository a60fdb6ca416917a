"""A writer of caches that does not go on as it should, and a reader that takes what is damaged, are named."""

from pathlib import Path

import pytest

from sad.cache import part, reader, writer
from sad.cache.part import Records
from sad.shipped.writing import check_writing

shipped = {
    "_shard": writer._shard,
    "of": Records.of,
    "took": writer.Written.took,
}


def in_order(of, shard, source, done):
    """The records of a shard in the order in which they were asked for."""
    base = int(of.offsets[shard.first])
    whole = shipped["_shard"](of, shard, source, done)
    every = source.examples[of.name]
    order = sorted(range(shard.first, shard.stop), key=lambda number: (len(every[number].teacher), number))
    return whole[[row for n in order for row in range(*(int(at) - base for at in of.offsets[n : n + 2]))]]


@pytest.mark.parametrize(
    ("owner", "name", "made", "says"),
    [
        (writer, "_shard", in_order, "records of other texts"),
        (Records, "of", lambda self, some: shipped["of"](self, sorted(some)), "records of other texts"),
        (writer.Written, "took", lambda self, rows, **_: shipped["took"](self, rows), "what is there is asked for"),
        (reader, "check_shard", lambda *_: None, "is opened of which a file"),
        (writer, "_take_up", lambda *_: None, "is written over"),
    ],
)
def test_what_is_wrong_with_writing_is_named(monkeypatch, owner, name, made, says):
    monkeypatch.setattr(owner, name, made)
    with pytest.raises(AssertionError, match=says):
        check_writing.__wrapped__()


def test_a_file_that_is_gone_once_the_cache_is_open_is_named(monkeypatch):
    monkeypatch.setattr(part, "_map", lambda file, of, shard: kept(file, of, shard))
    bytes_of: dict[Path, object] = {}

    def kept(file, of, _):
        import numpy as np

        if file.is_file():
            bytes_of[file] = np.fromfile(file, dtype=np.uint8).reshape(-1, of.layout.size)
        return bytes_of[file]

    with pytest.raises(AssertionError, match="a file that is gone is read"):
        check_writing.__wrapped__()


def test_the_right_writer_is_not_blamed():
    check_writing.__wrapped__()
