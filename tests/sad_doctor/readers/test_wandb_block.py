"""Records read at once are those read one by one: the patient reader is the reference."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers import wandb_block
from sad_doctor.readers.protobuf import fields
from sad_doctor.readers.wandb_block import LEAST, MOST, histories
from sad_doctor.readers.wandb_run import WandbLog
from sad_doctor.run import Run
from tests.sad_doctor.readers.test_wandb_items import message, varint

NEVER = 1 << 40


def item(key: tuple[str, ...], told: str, number: int = 2) -> bytes:
    return message(
        1, b"".join(message(number, one.encode("utf-8", "surrogatepass")) for one in key) + message(16, told.encode())
    )


def history(items: list[bytes], step: bytes = b"", number: bytes = b"\x08\x05") -> bytes:
    return number + message(2, b"".join(items) + step)


def framed(records: list[bytes]) -> bytes:
    """The records, each of them smaller than a block, as a file."""
    out = b":W&B\xe1\xbe\x00"
    for record in records:
        room = 32768 - len(out) % 32768
        if room < 7 + len(record):
            first, record = record[: max(0, room - 7)], record[max(0, room - 7) :]
            out += struct.pack("<IHB", 0, len(first), 2) + first if room >= 7 else bytes(room)
            out += struct.pack("<IHB", 0, len(record), 4 if room >= 7 else 1) + record
        else:
            out += struct.pack("<IHB", 0, len(record), 1) + record
    return out


def read(data: bytes, path: Path, least: int, pieces: int = 1) -> Run:
    """Read a file that came in so many pieces, by way of blocks where so many bytes of records are there at least."""
    log, before = WandbLog(path), wandb_block.LEAST
    wandb_block.LEAST = least
    try:
        path.write_bytes(b"")
        for at in range(pieces):
            with path.open("ab") as file:
                file.write(data[len(data) * at // pieces : len(data) * (at + 1) // pieces])
            log.poll()
        return log.run()
    finally:
        wandb_block.LEAST = before


def same(one: Run, other: Run) -> None:
    assert list(one.columns) == list(other.columns)
    for name, column in one.columns.items():
        np.testing.assert_array_equal(column.step, other.columns[name].step)
        np.testing.assert_array_equal(column.value, other.columns[name].value)
    # as text: a level that was put aside may be NaN
    assert repr((one.notes, one.events, one.facts, one.tail)) == repr(
        (other.notes, other.events, other.facts, other.tail)
    )


keys = st.one_of(
    st.sampled_from([("loss",), ("_step",), ("_runtime",), ("step",), ("train/kd",), ("nested", "a"), ("a", "b", "c")]),
    st.sampled_from(
        [("é",), ("",), ("", "a"), ("a,b",), ('a"b',), ('a":1,"b',), ("a\\",), ("a\n",), ("\x82\x01",), ("\ud800",)]
    ),
    st.sampled_from([("x" * 70,), ("x" * 120,), ("x" * 140,), ("y" * 60, "z" * 60)]),
    st.sampled_from([(":",), ("}",), ("]",), ("{",), (":1}",), ('"',)]),
    st.text(max_size=4).map(lambda key: (key,)),
)
texts = st.one_of(
    st.floats().map(json.dumps),
    st.integers(-(10**25), 10**25).map(str),
    st.sampled_from(
        ["NaN", "-Infinity", "1", "-0", "null", "true", '"text"', '"1e-3"', '"a,b"', '"', "", " 2 ", "1e999"]
    ),
    st.sampled_from(["{}", '{"a":1}', "[1]", "[1,2]", "[", "]", "}", "{", '{"q":1', "2}", "1}", '"x', 'y"', "1]", ","]),
    st.sampled_from(
        ['1,"b":2', '1},{"c":2', "\x82\x01", "é", "\n", "0" * 130, "1" * 200, "broken", '{"_type":"table"}']
    ),
)
evil = st.sampled_from(
    ['{"q', 'x"}', '"x}', '\\"', '"\\\\"', '"a\\"b"', '"', '":', '[{"q":1', "2}]", '"}', "\\", '"\\u00e9"']
)
made = st.builds(item, keys, st.one_of(texts, evil), st.sampled_from([1, 2]))
numbers = st.builds(lambda key, value: item((key,), repr(value)), st.sampled_from("abcd"), st.floats(-9, 9))
steps = st.one_of(
    st.just(b""),
    st.integers(0, 400).map(lambda step: message(2, b"\x08" + varint(step) if step else b"")),
    st.integers(-3, 2**40).map(lambda step: message(2, b"\x08" + varint(step % 2**64))),
    st.sampled_from([b"\x12\x02\x08", b"\x12\x04\x08\x01\x10\x01", b"\x12\x00\x12\x00", b"\x18\x01", b"\x12\x01\x08"]),
)
counted = st.one_of(st.just(b""), st.integers(0, 2**33).map(lambda number: b"\x08" + varint(number)))
usual = st.builds(history, st.lists(numbers, min_size=1, max_size=4), steps, counted)
any_history = st.builds(history, st.lists(st.one_of(numbers, made), max_size=4), steps, counted)
others = st.one_of(
    st.builds(
        lambda inner, number: message(number, inner), st.binary(max_size=9), st.sampled_from([1, 3, 9, 13, 16, 18])
    ),
    st.builds(lambda record, more: record + more, usual, st.sampled_from([b"\x1a\x00", b"\x80", b"\x20\x01"])),
    st.builds(lambda record, cut: record[:cut], any_history, st.integers(0, 20)),
    st.binary(max_size=20),
    st.just(message(13, message(3, b"RuntimeError: CUDA out of memory\n"))),
)
records_of = st.lists(st.one_of(usual, usual, any_history, others), max_size=12)


@given(records=records_of, times=st.integers(1, 12))
def test_a_file_read_by_blocks_is_the_file_read_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], times: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "block.wandb"
    data = framed(records * times)
    same(read(data, path, 1), read(data, path, NEVER))


@given(seed=st.integers(0, 2**32), changes=st.integers(0, 6))
def test_a_spoiled_file_read_by_blocks_is_the_file_read_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, seed: int, changes: int
) -> None:
    """Bytes of a long run are changed, and its end is cut off; it comes in pieces."""
    path = tmp_path_factory.getbasetemp() / "block.wandb"
    rng = random.Random(seed)
    data = bytearray(framed(run_of(rng, 120)))
    for _ in range(changes):
        data[rng.randrange(7, len(data))] = rng.choice([rng.randrange(256), 0x0A, 0x12, 0x22, 0x2C, 0x7B, 0x82])
    cut = bytes(data[: rng.randrange(len(data))] if rng.random() < 0.3 else data)
    same(read(cut, path, 1, rng.randrange(1, 6)), read(cut, path, NEVER))


def run_of(rng: random.Random, length: int) -> list[bytes]:
    """Records with their keys in any order, as wandb-core writes them, and now and then other keys."""
    records = []
    for step in range(length):
        told = {
            ("loss",): 5 / (step + 1),
            ("train", "kd"): rng.random(),
            ("_step",): step,
            ("_timestamp",): 1.7e9 + step,
        }
        if rng.random() < 0.05:
            told["odd",] = rng.choice([math_nan := float("nan"), math_nan, "text", [1, 2], {"_type": "image"}])
        items = [item(key, json.dumps(value)) for key, value in told.items()]
        rng.shuffle(items)
        records.append(
            history(items, message(2, b"\x08" + varint(step)) if step else b"\x12\x00", b"\x08" + varint(step))
        )
        records.append(message(3, b"a summary"))
    return records


def test_usual_records_are_all_read_at_once() -> None:
    """Else the two ways would agree because one of them is never taken."""
    records = run_of(random.Random(1), 300)
    spans = list(histories(records, {2}))
    many = [told for rows, _ in spans for told in rows]
    rest = [record for _, records in spans for record in records]
    assert [step for _, step in many] == [step for _, step in sorted(many, key=lambda told: told[1] or 0)]
    assert len(many) + len(rest) == 300
    assert 0 < len(rest) < 20
    assert all(b"text" in record or b"[1, 2]" in record or b"_type" in record for record in rest)
    assert list(many[0][0]) != list(many[1][0])
    assert all(every["train/kd"] < 1 and every["_step"] == step for every, step in many)


def strange(*fields: bytes) -> bytes:
    """A history record with one item of these fields."""
    return history([message(1, b"".join(fields))])


one = message(16, b"1")
good_items = [item(("a",), "1")]
STRANGE = {
    "a size whose second byte looks like a key": history([b"\n\x85\x12\x64" + b"k" * 100 + message(16, b"1" * 28)]),
    "an item of more than 127 bytes": history([item(("a" * 125,), "1")]),
    "no value": history([item(("a",), "")]),
    "a field before the key": strange(message(3, b""), message(2, b"a"), one),
    "another field than a key": strange(message(3, b"a"), one),
    "another field than a part of a key": strange(message(2, b"a"), message(3, b"b"), one),
    "a key before parts of one": strange(message(1, b"a"), message(2, b"b"), one),
    "a field behind the value": strange(message(2, b"a"), one, message(2, b"b")),
    "another field than an item": history([message(3, message(2, b"a") + one)]),
    "a field between the items": history([*good_items, b"\x12\x00", *good_items]),
    "a field behind the items": history(good_items, b"\x18\x01"),
    "no items": history([]),
    "a key twice": history(good_items * 2),
    "a comma in a value": history([item(("a",), "[1,2]")]),
    "a value that holds another key": history([item(("a",), '1,"b":2')]),
    "a quote in a key": history([item(('a":"b',), "1")]),
    "a key that an object begins in": history([item(('a":{"b',), "1}")]),
    "an escape in a key": history([item(("a\\n",), "1")]),
    "a bracket over two values": history([item(("a",), '{"q":1'), item(("b",), "2}")]),
    "a step of five bytes": history(good_items, message(2, b"\x08" + varint(1 << 29))),
    "a step that does not end": history(good_items, message(2, b"\x08\x80")),
    "a step that reaches beyond the record": history(good_items, b"\x12\x05\x08\x07"),
    "a step that ends before the record": history(good_items, b"\x12\x01\x08\x07"),
    "a step of nothing that reaches beyond the record": history(good_items, b"\x12\x05"),
    "a step in another field": history(good_items, message(2, b"\x10\x05")),
    "a field behind the step": history(good_items, message(2, b"\x08\x05\x10\x05")),
    "the step in another field": history(good_items, message(3, b"\x08\x05")),
    "two steps": history(good_items, message(2, b"\x08\x05") * 2),
    "a field behind the history": history(good_items) + b"\x1a\x00",
    "a history that is cut": history(good_items)[:-1],
    "a number of the record in five bytes": history(good_items, number=b"\x08" + varint(1 << 29)),
    "a history in no bytes": b"\x08\x05\x10\x05",
    "another record that is cut": message(3, b"a")[:-1],
    "a record of a high number": message(18, b"\x08\x00"),
    "a record of a high number with nothing in it": message(18, b""),
    "a group": b"\x1b\x00",
    "a number of the record that goes on": b"\x08\x80\x80\x80\x80\x1a\x00",
    "a length that does not end": b"\x1a\x80\x80\x80\x80",
    "nothing": b"",
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_record_is_left_to_the_patient_reader_and_no_other(name: str) -> None:
    odd = STRANGE[name]
    usual = [
        history([item(("a",), "1"), item(("b", "c"), "NaN")], message(2, b"\x08" + varint(130 * k))) for k in (0, 1)
    ]
    records = [*usual * 300, odd, *usual * 300]
    spans = list(histories(records, {2}))
    assert [(len(rows), list(rest)) for rows, rest in spans] == [(600, [odd]), (600, [])]
    assert {str(told) for rows, _ in spans for told in rows} == {
        str(({"a": 1, "b/c": float("nan")}, step)) for step in (0, 130)
    }


def test_what_is_no_utf8_is_read_as_the_patient_reader_does(tmp_path: Path) -> None:
    """Python's parser of JSON passes surrogates where it is given bytes."""
    data = framed([history([item(("a\ud800",), "1"), item(("b",), "NaN"), item(("_step",), str(k))]) for k in range(9)])
    run = read(data, tmp_path / "a.wandb", 1)
    assert list(run.columns) == ["a\ufffd\ufffd\ufffd", "b"]
    same(run, read(data, tmp_path / "b.wandb", NEVER))


def test_few_records_are_left_to_the_patient_reader() -> None:
    few = [history(good_items)] * ((LEAST - 1) // len(history(good_items)))
    assert list(histories(few, {2})) == [((), few)]
    assert list(histories([*few, few[0]], {2})) == [([({"a": 1}, None)] * (len(few) + 1), ())]


def test_what_is_very_large_is_left_to_the_patient_reader() -> None:
    """Of a record that is nothing but marks, their places would take eight times as much as the record."""
    large = history([item(("a",), "1"), message(1, b"\x82\x01" * (MOST // 2))])
    assert list(histories([large], {2})) == [((), [large])]


def test_what_tells_nothing_is_passed_over_and_the_rest_keeps_its_order() -> None:
    good, odd, silent = history(good_items), STRANGE["a comma in a value"], message(3, b"x")
    spans = list(histories([good, silent, odd, good, good, silent, odd] * 500, {2}))
    told = [[len(rows), [dict(fields(record)).keys() for record in rest]] for rows, rest in spans]
    assert [count for count, _ in told] == [1, 2] * 500 + [0]
    assert [record for _, rest in spans for record in rest] == [odd] * 1000
    assert list(histories([silent] * 6000, {2})) == [([], ())]
    assert next(histories([silent] * 6000, {2, 3})) == ([], [silent])
