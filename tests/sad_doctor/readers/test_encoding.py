import codecs
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers import open_log, read
from sad_doctor.readers.encoding import AsUtf8
from sad_doctor.readers.tail import Tail
from sad_doctor.views.tui.panes.log_text import LogText

FIXTURES = Path(__file__).parents[3] / "fixtures" / "runs"
WIDE = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


def wide(text: str, codec: str = "utf-16-le") -> bytes:
    return WIDE[codec] + text.encode(codec)


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff")), data=st.data())
@pytest.mark.parametrize("codec", WIDE)
def test_pieces_of_any_length_give_the_text(codec, text, data):
    left = whole = wide(text, codec)
    turned, found = AsUtf8(whole), b""
    while left:
        length = data.draw(st.integers(1, len(left)))
        found, left = found + turned.turn(left[:length]), left[length:]
    assert found == text.encode()
    assert turned.waits == 0


@given(data=st.binary())
def test_other_bytes_pass(data):
    other = b"x" + data
    assert AsUtf8(other).turn(other) == other


@given(data=st.binary())
def test_junk_behind_the_mark_is_text(data):
    AsUtf8(codecs.BOM_UTF16_LE).turn(data).decode("utf-8")


@pytest.mark.parametrize("codec", WIDE)
@pytest.mark.parametrize("name", ["run2.log", "metrics.csv", "nan.jsonl", "trainer_state.json"])
def test_a_log_says_the_same_in_utf_16(tmp_path, name, codec):
    text = (FIXTURES / name).read_text(encoding="utf-8")
    (tmp_path / name).write_bytes(wide(text, codec))
    ours, theirs = read(tmp_path / name), read(FIXTURES / name)
    assert len(theirs.columns) > 1
    assert set(ours.columns) == set(theirs.columns)
    for key, column in theirs.columns.items():
        np.testing.assert_array_equal(ours.columns[key].value, column.value)
        np.testing.assert_array_equal(ours.columns[key].step, column.step)


def test_half_a_character_waits_and_is_no_place_to_go_on_from(write):
    text = wide("loss\n")
    path = write("log", text[:-1])
    tail = Tail(path)
    tail.look()
    assert b"".join(tail.chunks()) == b"loss"
    assert tail.place == len(text) - 2
    path.write_bytes(text)
    assert tail.look() is False
    assert b"".join(tail.chunks()) == b"\n"
    again = Tail(path)
    again.resume(len(text) - 2)
    again.look()
    assert b"".join(again.chunks()) == b"\n"


def test_a_log_in_utf_16_is_followed(write):
    rows = [json.dumps({"step": step, "loss": 9 - step / 50}) + "\r\n" for step in range(200)]
    path = write("run.jsonl", wide("".join(rows[:150])))
    log = open_log(path)
    log.poll()
    assert log.run().columns["train/loss"].step[-1] == 149
    with path.open("ab") as file:
        file.write("".join(rows[150:]).encode("utf-16-le"))
    assert log.poll()
    assert len(log.run().columns["train/loss"].step) == 200


def test_the_pane_of_the_log_shows_text(write):
    path = write("run.log", wide("step=1 loss=3.5 \u20ac\r\n" * 3))
    pane = LogText()
    assert pane.read(path)
    assert list(pane.lines) == ["step=1 loss=3.5 \u20ac"] * 3
