"""How many rows of a Parquet file may be in memory together: a few of its bytes can stand for many long texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from sad.errors import UserError

AT_ONCE = 256
"""Rows that are read together where they are short."""
ROOM = 256 << 20
"""Bytes that the rows which are read together may take."""
_DICTIONARY, _ANY = 2, 2**31 - 1


def at_once(path: Path, metadata: Any, group: int) -> int:  # noqa: ANN401 - pyarrow is untyped
    """Return how many rows of a row group may be read together, 1 to ``AT_ONCE``.

    A column may hold its texts once, in a dictionary, and say of each row which it is: all rows may be as long as the
    dictionary, which the metadata do not tell; the header of its page does. Of texts that stand in the rows themselves
    the mean is taken: all of them are no more than the row group. Raises UserError for one that the memory cannot hold.
    """
    found = metadata.row_group(group)
    size, rows, free = found.total_byte_size, max(1, found.num_rows), psutil.virtual_memory().available
    if size > free:
        raise UserError(
            f"{path}: row group {group + 1:,} unpacks to {size:,} bytes, and {free:,} are free in memory: write it "
            "with smaller row groups, or give it as .jsonl"
        )
    a_row = size / rows
    with path.open("rb") as file:
        for column in map(found.column, range(found.num_columns)):
            starts = column.data_page_offset, column.dictionary_page_offset or column.data_page_offset
            file.seek(max(0, min(starts)))
            # a list has several values in a row
            a_row += _dictionary(file.read(16)) * max(1.0, column.num_values / rows)
    return max(1, min(AT_ONCE, int(ROOM / max(1.0, a_row))))


def _dictionary(header: bytes) -> int:
    """Return to how many bytes a page unpacks if it is a dictionary, else 0.

    ``header`` is the beginning of its PageHeader in Thrift's compact protocol (parquet.thrift): field 1 is its type,
    field 2 its size unpacked. One that is written in another way counts as the largest that there is.
    """
    kind, header = _field(header)
    size, _ = _field(header)
    if kind is None or size is None:
        return _ANY
    return size if kind == _DICTIONARY else 0


def _field(header: bytes) -> tuple[int | None, bytes]:
    """Return the next field, a number of 32 bits, and what follows; None if the next field is something else."""
    if header[:1] != b"\x15":
        return None, header
    value = 0
    for place, byte in enumerate(header[1:6]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            # zigzag
            return (value >> 1) ^ -(value & 1), header[place + 2 :]
    return None, header
