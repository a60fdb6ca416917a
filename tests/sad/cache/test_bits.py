"""Packing loses nothing; the grid loses no more than it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sad.cache.bits import LOWEST, error, from_grid, pack, packed_size, to_grid, unpack


@given(st.data(), st.integers(1, 25), st.integers(0, 4), st.integers(1, 41))
def test_what_is_packed_is_read_again(data: st.DataObject, bits: int, rows: int, count: int) -> None:
    values = data.draw(arrays(np.int64, (rows, count), elements=st.integers(0, 2**bits - 1)))
    packed = pack(values, bits)
    assert packed.shape == (rows, packed_size(count, bits))
    assert packed.shape[1] * 8 - count * bits in range(8)
    assert np.array_equal(unpack(packed, count, bits), values)


def test_numbers_stand_one_behind_the_other_lowest_bit_first() -> None:
    assert pack(np.array([[0b101, 0b011, 0b110]]), 3).tolist() == [[0b10011101, 0b1]]


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@given(below=st.floats(0, LOWEST))
def test_a_log_probability_is_off_by_no_more_than_the_bound(bits: int, below: float) -> None:
    value = np.array([-below], dtype=np.float32)
    found = from_grid(to_grid(value, bits), bits)
    # float32 itself is off by a part in 2^24
    assert abs(float(found[0]) - float(value[0])) <= float(error(value, bits)[0]) * 1.0001 + 2.0**-23 * (1 + below)


def test_the_grid_is_finest_where_the_mass_is() -> None:
    twelve = {x: float(error(np.float32(x), 12)) for x in (0.0, -1.0, -10.0)}
    assert twelve[0.0] == pytest.approx(2.55e-4, rel=0.01)
    assert twelve[-1.0] == pytest.approx(3 * twelve[0.0], rel=0.01)
    # of a mass of 5e-5 a hundredth matters to nobody
    assert twelve[-10.0] < 0.006


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_the_ends_of_the_grid(bits: int) -> None:
    ends = np.array([0.0, -LOWEST, -1e30, -np.inf], dtype=np.float32)
    assert from_grid(to_grid(ends, bits), bits) == pytest.approx([0.0, -LOWEST, -LOWEST, -np.inf])
