"""The plain reader of records reads bytes that are written out by hand."""

import math
import struct

import pytest

from sad.subjects.plain.cache_record import Form, Listed, near, normalised, read, step


def test_numbers_lie_lowest_bit_first_and_a_list_ends_at_a_whole_byte():
    # tokens 1, 2, 5 of 3 bits: 0b101_010_001; places 0 and the last one of 2 bits, as the rest is of 16
    form = Form(tokens=8, bits=2, lists=(3,), mass=False, states=0, width=0)
    content = bytes([0b01010001, 0b1, 0b00_11_00, 0xFF, 0xFF])
    assert read(content, form) == ([Listed([1, 2, 5], [0.0, -math.inf, 0.0], -math.inf)], None, [])
    with pytest.raises(ValueError, match="of which 5 are known"):
        read(content + b"\0", form)


def test_whole_numbers_are_float32_and_states_have_a_scale():
    exact = Form(tokens=2, bits=32, lists=(1,), mass=True, states=1, width=2)
    content = bytes([1]) + struct.pack("<5f", -0.5, -1.5, 0.25, 7.0, -8.0)
    assert read(content, exact) == ([Listed([1], [-0.5], -1.5)], 0.25, [[7.0, -8.0]])
    scaled = Form(tokens=2, bits=8, lists=(), mass=False, states=1, width=2)
    assert read(struct.pack("<f2e", 4.0, 0.5, -3.0), scaled) == ([], None, [[2.0, -12.0]])


def test_the_grid_ends_at_32_nats_and_is_finer_near_0():
    form = Form(tokens=2, bits=8, lists=(2,), mass=False, states=0, width=0)
    (found,), _, _ = read(bytes([0b10, 254, 1, 0, 0]), form)
    assert found.log_probs[0] == pytest.approx(-32)
    assert -2 * step(0.0, 8) == pytest.approx(found.log_probs[1], rel=0.02)
    assert step(-32.0, 8) > 60 * step(0.0, 8)
    assert step(-3.0, 32) == 0


def test_a_list_is_brought_to_mass_1_and_one_of_nothing_is_not():
    found = normalised(Listed([0, 1], [math.log(0.5), math.log(0.25)], math.log(0.05)))
    assert sum(map(math.exp, (*found.log_probs, found.rest))) == pytest.approx(1)
    nothing = Listed([0], [-math.inf], -math.inf)
    assert normalised(nothing) == nothing
    assert near([1.0, -math.inf], [1.001, -math.inf], 1e-2)
    assert not near([1.0], [1.1], 1e-2)
    assert not near([1.0], [], 1)
