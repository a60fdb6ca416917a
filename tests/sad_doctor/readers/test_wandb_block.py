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
from sad_doctor.readers.wandb_block import LEAST, histories
from sad_doctor.readers.wandb_run import WandbLog
from sad_doctor.run import Run
from tests.sad_doctor.readers.test_wandb_items import message, varint

NEVER = 1 << 40


def item(key: tuple[str, ...], told: str, number: int = 2) -> bytes:
    return message(1, b"".join(message(number, one.encode()) for one in key) + message(16, told.encode()))


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
    assert (one.notes, one.events, one.facts, one.tail) == (other.notes, other.events, other.facts, other.tail)


keys = st.one_of(
    st.sampled_from([("loss",), ("_step",), ("_runtime",), ("step",), ("train/kd",), ("nested", "a"), ("a", "b", "c")]),
    st.sampled_from([("é",), ("",), ("", "a"), ("a,b",), ('a"b',), ('a":1,"b',), ("a\\",), ("a\n",), ("\x82\x01",)]),
    st.sampled_from([("x" * 70,), ("x" * 120,), ("x" * 140,), ("y" * 60, "z" * 60)]),
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
made = st.builds(item, keys, texts, st.sampled_from([1, 2]))
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


def test_few_records_are_left_to_the_patient_reader() -> None:
    one = history([item(("a",), "1")])
    few = [one] * ((LEAST - 1) // len(one))
    assert list(histories(few, {2})) == [((), few)]
    assert list(histories([*few, one], {2})) == [([({"a": 1}, None)] * (len(few) + 1), ())]


def test_what_tells_nothing_is_passed_over_and_the_rest_keeps_its_order() -> None:
    good, odd, silent = history([item(("a",), "1")]), history([item(("a",), "broken,")]), message(3, b"x")
    spans = list(histories([good, silent, odd, good, good, silent, odd] * 500, {2}))
    told = [[len(rows), [dict(fields(record)).keys() for record in rest]] for rows, rest in spans]
    assert [count for count, _ in told] == [1, 2] * 500 + [0]
    assert [record for _, rest in spans for record in rest] == [odd] * 1000
    assert list(histories([silent] * 6000, {2})) == [([], ())]
    assert next(histories([silent] * 6000, {2, 3})) == ([], [silent])
