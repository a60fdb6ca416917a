from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad.errors import UserError
from sad.models import gguf


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def entry(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def whole(places: int = 77, version: int = 3) -> bytes:
    """A file with every sort of entry, and two tensors: 2 x 32 floats, then 64 weights in blocks of Q4_1."""
    strings = struct.pack("<IQ", 8, 2) + text("a") + text("é")
    nested = struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 4, 3) + bytes(12)
    entries = [
        entry("general.architecture", 8, text("llama")),
        entry("llama.context_length", 4, struct.pack("<I", places)),
        entry("words", 9, strings),
        entry("nested", 9, nested),
        entry("scores", 9, struct.pack("<IQ", 6, 4) + bytes(16)),
        entry("general.alignment", 4, struct.pack("<I", 64)),
    ]
    first = text("one") + struct.pack("<IQQIQ", 2, 32, 2, 0, 0)
    second = text("two") + struct.pack("<IQIQ", 1, 64, 3, 256)
    head = b"GGUF" + struct.pack("<IQQ", version, 2, len(entries)) + b"".join(entries) + first + second
    return head + bytes(-len(head) % 64) + bytes(256 + 2 * 20)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf") / "model.gguf"


def test_a_whole_file_tells_how_far_its_model_reads(file: Path) -> None:
    file.write_bytes(whole())
    assert gguf.check(file, "it") == 77
    file.write_bytes(whole(version=1))
    assert gguf.check(file, "it") is None


@given(st.integers(0, len(whole()) - 1))
def test_cut_at_any_byte_it_is_refused(file: Path, kept: int) -> None:
    file.write_bytes(whole()[:kept])
    with pytest.raises(UserError, match="fetch it again"):
        gguf.check(file, "it")


@given(st.binary(max_size=200))
def test_whatever_follows_the_mark_there_is_no_other_error(file: Path, rest: bytes) -> None:
    file.write_bytes(b"GGUF" + rest)
    known = struct.unpack("<I", rest[:4])[0] in gguf.VERSIONS if len(rest) >= 4 else True
    # a file without entries and tensors is whole
    if not known or rest[4:20] == bytes(16):
        assert gguf.check(file, "it") is None
        return
    with pytest.raises(UserError, match="fetch it again"):
        gguf.check(file, "it")


def test_a_kind_of_block_that_is_not_known_is_left_to_the_library(file: Path) -> None:
    file.write_bytes(whole().replace(struct.pack("<QIQ", 64, 3, 256), struct.pack("<QIQ", 64, 99, 256)))
    assert gguf.check(file, "it") == 77


@pytest.mark.parametrize(
    "rest",
    [
        struct.pack("<QQ", 0, 1) + text("a") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 100_000,
        struct.pack("<QQ", 0, 1) + text("a") + struct.pack("<I", 9) + struct.pack("<IQ", 10, 1 << 61),
        struct.pack("<QQ", 1 << 63, 1 << 63),
        struct.pack("<QQ", 0, 1) + struct.pack("<Q", 1 << 63),
    ],
    ids=["nested", "long array", "many entries", "long text"],
)
def test_declared_lengths_and_depths_are_not_believed(file: Path, rest: bytes) -> None:
    file.write_bytes(b"GGUF" + struct.pack("<I", 3) + rest)
    with file.open("r+b") as opened:
        # a hole in place of what is declared
        opened.truncate(1 << 36)
    with pytest.raises(UserError, match="damaged"):
        gguf.check(file, "it")
