"""Files of strangers: read whole where they are small and plain, refused in one line where they are not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import bounded

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
)


def refused(read: Any, *given: Any) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        read(*given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(PLAIN)
def test_json_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    file = tmp_path_factory.getbasetemp() / "some.json"
    file.write_text(json.dumps(value), encoding="utf-8-sig")
    assert bounded.json_of(file) == value


def test_toml_with_a_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    file = tmp_path / "sad.toml"
    file.write_bytes(b"\xef\xbb\xbf[doctor]\r\nat = [0.1, 0.2]\r\n")
    assert bounded.toml_of(file) == {"doctor": {"at": [0.1, 0.2]}}


def test_a_pipe_is_not_waited_for_and_a_device_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        assert "not a regular file" in refused(bounded.read, tmp_path / name)


def test_a_hole_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)
    assert "more than 1 MiB" in refused(bounded.toml_of, file)
    assert "more than 64 MiB" in refused(bounded.json_of, file)


@pytest.mark.parametrize("told", ["[" * 100_000, '{"a":' * 100_000])
def test_json_that_is_nested_too_deeply_is_refused(told: str) -> None:
    assert "too deeply" in refused(bounded.loads, told)


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_the_bound_is_the_same_for_every_python() -> None:
    """Python's own limit lies at a thousand levels or at ten thousand, whichever version reads."""
    for levels in (1, bounded.DEPTH - 1, bounded.DEPTH):
        told = nested(levels)
        assert bounded.loads(told) == json.loads(told)
        assert bounded.toml(f"x = {nested(levels - 1)}" if levels > 1 else "x = 1")
    for levels in (bounded.DEPTH + 1, 400):
        assert "more than 100 levels" in refused(bounded.loads, nested(levels))
        assert "more than 100 levels" in refused(bounded.loads, '{"a":' * levels + "1" + "}" * levels)
        assert "more than 100 levels" in refused(bounded.toml, f"x = {nested(levels)}")


@pytest.mark.parametrize("told", ["x = " + "[" * 100_000, "x = " + "{a = " * 5000])
def test_toml_that_is_nested_too_deeply_is_refused(told: str) -> None:
    assert "too deeply" in refused(bounded.toml, told)


@pytest.mark.parametrize(
    "told",
    [
        "a." * 100_000 + "a = 1",
        "[" + "a." * 100_000 + "a]",
        "x = {" + "b . " * 50_000 + "b = 1}",
        'x = [{a = """\n""", ' + "b." * 50_000 + "b = 1}]",
        "x = [{a = '''\n''', " + '"b".' * 50_000 + "b = 1}]",
        '"\\"".' * 50_000 + "a = 1",
    ],
    ids=["key", "header", "inline", "behind a text", "quoted", "escaped"],
)
def test_a_key_of_very_many_parts_is_refused(told: str) -> None:
    """The parser would keep each beginning of it: 200,000 parts took all the memory of a machine."""
    assert "32 parts" in refused(bounded.toml, told)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,9}", fullmatch=True),
        st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=20) | st.floats(-1e9, 1e9),
    )
)
def test_whatever_stands_in_a_text_is_no_key(tables: dict[str, str | float]) -> None:
    told = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in tables.items())
    told += 'last = "' + "a.b." * 100 + '"\n'
    assert bounded.toml(told)["last"] == "a.b." * 100


@pytest.mark.parametrize(
    ("name", "told", "wanted"),
    [
        ("a.json", b'{"a": ' + b"9" * 5000 + b"}", "a number in it has more digits than can be read"),
        ("a.toml", b"a = " + b"9" * 5000, "a number in it has more digits than can be read"),
        ("a.json", b'{"a": "\xff"}', "it is not UTF-8 text (byte 7)"),
        ("a.toml", b'a = "\xff"', "it is not UTF-8 text (byte 5)"),
    ],
)
def test_no_word_of_pythons_own_is_in_a_reason(tmp_path: Path, name: str, told: bytes, wanted: str) -> None:
    (tmp_path / name).write_bytes(told)
    reader = bounded.json_of if name.endswith("json") else bounded.toml_of
    assert refused(reader, tmp_path / name) == wanted
    if name.endswith("json"):
        assert refused(bounded.loads, told) == wanted
