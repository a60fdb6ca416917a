import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers.protobuf import as_float, fields, signed, text, varint


def encoded(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


@given(st.integers(0, 2**64 - 1))
def test_a_number_is_read_as_it_was_written(value):
    assert varint(encoded(value), 0) == (value, len(encoded(value)))


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_refused(message):
    try:
        for number, value in fields(message):
            assert number >= 0
            assert isinstance(value, int | bytes)
            assert isinstance(text(value), str)
    except ValueError:
        pass


def test_every_kind_of_field_is_read():
    message = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d\x00\x00\x80\x3f" + b"\x21" + (7).to_bytes(8, "little")
    assert list(fields(message)) == [(1, 150), (2, b"hi"), (3, 0x3F800000), (4, 7)]
    assert as_float(0x3F800000) == 1.0


def test_a_negative_step_is_one():
    assert signed(2**64 - 3) == -3
    assert signed(3) == 3


@pytest.mark.parametrize("message", [b"\x12\x7fhi", b"\x80", b"\x0b", b"\x08" + b"\xff" * 11])
def test_what_is_broken_is_refused(message):
    with pytest.raises(ValueError):  # noqa: PT011 - the words do not matter
        list(fields(message))


def test_more_bits_than_a_float_has_are_refused():
    assert as_float(0x3FC00000) == 1.5
    with pytest.raises(ValueError, match="32 bits"):
        as_float(1 << 32)
