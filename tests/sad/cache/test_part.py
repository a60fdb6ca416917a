"""Which records are of which example: each example's own, in any order, from any file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad.cache.layout import Layout
from sad.cache.part import Part, Records, check_shard, offsets_of
from sad.data import Example
from sad.errors import UserError

LAYOUT = Layout(200, 32, ((1.0, 1),), mass=False, blocks=(), width=0)


def part_of(counts: list[int], shard_rows: int) -> Part:
    return Part("train", LAYOUT, np.cumsum([0, *counts]), shard_rows)


def write(folder: Path, part: Part) -> np.ndarray:
    """Records whose bytes tell their number."""
    rows = np.arange(part.rows, dtype=np.uint8)[:, None] + np.zeros((1, LAYOUT.size), np.uint8)
    for shard in part.shards():
        (folder / shard.name).write_bytes(rows[part.offsets[shard.first] : part.offsets[shard.stop]].tobytes())
    return rows


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(1, 12), st.data())
def test_each_example_gets_its_own_records(counts: list[int], shard_rows: int, data: st.DataObject) -> None:
    import tempfile

    part = part_of(counts, shard_rows)
    asked = data.draw(st.lists(st.integers(0, len(counts) - 1), max_size=8))
    with tempfile.TemporaryDirectory() as made:
        rows = write(Path(made), part)
        found = Records(Path(made), part).of(asked)
    wanted = [row for i in asked for row in range(sum(counts[:i]), sum(counts[: i + 1]))]
    assert np.array_equal(found, rows[wanted].reshape(-1, LAYOUT.size))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(1, 12))
def test_shards_hold_every_example_once_in_order(counts: list[int], shard_rows: int) -> None:
    part = part_of(counts, shard_rows)
    shards = list(part.shards())
    assert [i for s in shards for i in range(s.first, s.stop)] == list(range(len(counts)))
    assert len({s.name for s in shards}) == len(shards)
    assert sum(part.bytes_of(s) for s in shards) == part.size


def test_offsets_count_the_common_boundaries() -> None:
    none = np.empty(0, dtype=np.int64)
    some = [Example(none, none, np.arange(n), np.arange(n), 0) for n in (2, 0, 3)]
    assert offsets_of(some).tolist() == [0, 2, 2, 5]


@pytest.mark.parametrize(("spoil", "told"), [(Path.unlink, "is gone"), (lambda f: f.write_bytes(b"x"), "has 1 bytes")])
def test_a_file_that_is_not_whole_is_told(tmp_path: Path, spoil: object, told: str) -> None:
    part = part_of([2, 3], 3)
    write(tmp_path, part)
    first = next(part.shards())
    check_shard(tmp_path / first.name, part, first)
    spoil(tmp_path / first.name)  # type: ignore[operator]
    with pytest.raises(UserError, match=f"damaged: .*{told}"):
        Records(tmp_path, part).of([0])
