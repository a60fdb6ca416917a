"""What no other test sees: files that come in pieces, and fragments in any order."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers.wandb_records import Records

BLOCK, HEADER = 32 << 10, 7


def written(records: list[bytes]) -> bytes:
    """The records as LevelDB writes them: in pieces where a block ends."""
    out = bytearray(b":W&B\xe1\xbe\x00")
    for record in records:
        kind, rest = 1, record
        while True:
            room = BLOCK - len(out) % BLOCK
            if room < HEADER:
                out += bytes(room)
                continue
            part, rest = rest[: room - HEADER], rest[room - HEADER :]
            if rest:
                out += fragment(2 if kind == 1 else 3, part)
                kind = 0
            else:
                out += fragment(1 if kind == 1 else 4, part)
                break
    return bytes(out)


def fragment(kind: int, part: bytes) -> bytes:
    return struct.pack("<IHB", 0, len(part), kind) + part


def fed(data: bytes, cuts: list[int]) -> tuple[list[bytes], int | None, bool]:
    """What comes out of a file in these pieces, where it is broken, and whether something waits."""
    records, found = Records(), []
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += records.feed(data[begin:end])
    return found, records.broken, records.waits


sizes = st.one_of(st.integers(0, 60), st.sampled_from([BLOCK - 8, BLOCK - 7, BLOCK, 3 * BLOCK]), st.integers(0, 70_000))


@given(st.lists(sizes, max_size=8), st.lists(st.floats(0, 1), max_size=5))
def test_records_come_out_as_they_were_written_however_the_file_comes(sizes: list[int], cuts: list[float]) -> None:
    records = [bytes([65 + n]) * size for n, size in enumerate(sizes)]
    data = written(records)
    assert fed(data, sorted(int(cut * len(data)) for cut in cuts)) == (records, None, False)


parts = st.builds(fragment, st.sampled_from([0, 1, 1, 2, 3, 4, 5]), st.binary(max_size=9))


@given(st.lists(parts, max_size=12), st.data())
def test_fragments_in_any_order_are_the_same_in_one_piece_and_byte_by_byte(
    parts: list[bytes], data: st.DataObject
) -> None:
    """One by one they take the general way; those that are whole and come at once take the quick one."""
    whole = b":W&B\xe1\xbe\x00" + b"".join(parts)
    whole = whole[: data.draw(st.integers(0, len(whole)))]
    assert fed(whole, []) == fed(whole, list(range(1, len(whole))))


def test_a_whole_record_ends_one_that_was_begun() -> None:
    data = b":W&B\xe1\xbe\x00" + fragment(2, b"begun") + fragment(1, b"whole") + fragment(4, b"ended")
    assert fed(data, []) == ([b"whole", b"ended"], None, False)


def test_a_fragment_over_the_end_of_its_block_breaks_the_file() -> None:
    data = b":W&B\xe1\xbe\x00" + fragment(1, b"a" * (BLOCK - 7 - HEADER - 20)) + fragment(1, b"b" * 14)
    records, broken, _ = fed(data, [])
    assert ([len(record) for record in records], broken) == ([BLOCK - 34], BLOCK - 20)
