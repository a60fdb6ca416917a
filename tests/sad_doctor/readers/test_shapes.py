import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sad_doctor.readers import json_objects
from sad_doctor.readers.json_objects import parse, parse_all
from sad_doctor.readers.rows import Rows
from sad_doctor.readers.shapes import alike, floats, parted

KEYS = ("step", "global_step", "loss", "train/loss", "epoch", "kd_loss", "note", "losses")
TAGS = ("loss", "lr", "epoch", "global_step", "step", "Step")
values = st.one_of(
    st.integers(-3, 40),
    st.floats(),
    st.sampled_from([None, True, "", "n/a", "NaN", "1e-3", "text", 10**400, 2**70, [1.0], {"kd": 1.0, "lm": None}]),
)
columns = st.one_of(st.integers(0, 20).map(lambda start: ("rising", start)), st.lists(values, min_size=1, max_size=9))


@st.composite
def logs(draw):
    """Runs of rows of one shape: columns that rise, repeat few values, or hold anything."""
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        keys = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1, max_size=5))
        made = [draw(columns) for _ in keys]
        for at in range(draw(st.integers(1, 30))):
            row = {}
            for key, column in zip(keys, made, strict=True):
                row[key] = column[1] + at if isinstance(column, tuple) else column[at % len(column)]
            rows.append(row)
    return rows


def state(rows: Rows) -> object:
    shown = {name: (column.step.tobytes(), column.value.tobytes()) for name, column in rows.snapshot().items()}
    return list(shown.items()), rows.facts, rows.notes, rows.count


def one_by_one(rows, last_wins) -> tuple[int, object]:
    plain = Rows(last_wins)
    return sum(not plain.add(row) for row in rows), state(plain)


_SOME_LOSSES = [{"step": 0, "loss": i, "train/loss": None if i % 2 else i} for i in range(8)]


@settings(max_examples=300, deadline=None)
@given(logs(), st.booleans(), st.integers(1, 40))
@example(_SOME_LOSSES, False, 8)
def test_rows_at_once_come_to_the_same_as_one_by_one(rows, last_wins, portion):
    quick = Rows(last_wins)
    useless = sum(quick.add_all(rows[at : at + portion]) for at in range(0, len(rows), portion))
    expected = one_by_one(rows, last_wins)
    assert repr((useless, state(quick))) == repr(expected)


@settings(max_examples=150, deadline=None)
@given(logs(), st.booleans())
def test_a_table_comes_to_the_same_as_its_rows_one_by_one(rows, last_wins):
    quick = Rows(last_wins)
    useless = sum(quick.add_table(keys, [tuple(row.values()) for row in group]) for keys, group in alike(rows))
    assert repr((useless, state(quick))) == repr(one_by_one(rows, last_wins))


points = st.lists(
    st.tuples(
        st.sampled_from(["loss", "lr", "epoch", "global_step", "step", "Step"]), st.integers(-2, 3), st.floats(width=32)
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(points, st.integers(0, 12), st.booleans())
def test_points_at_once_come_to_the_same_as_one_by_one(found, before, rising):
    steps = np.cumsum([abs(step) for _, step, _ in found]).tolist() if rising else [step for _, step, _ in found]
    told = [(key, int(step), value) for (key, _, value), step in zip(found, steps, strict=True)]
    quick = Rows(last_wins=True)
    for part in (told[:before], told[before:]):
        if part:
            quick.add_points(*map(list, zip(*part, strict=True)))
    rows = [{key: value, "step": step} for key, step, value in told]
    assert repr(state(quick)) == repr(one_by_one(rows, True)[1])


objects = st.dictionaries(st.sampled_from([*KEYS, "é", ": NaN"]), values, max_size=4)
odd = (
    *(b"", b"  ", b"\x00\x00", b'{"a": NaN', b'{"a":"x: NaN, y"}', b'{"a": -Infinity , "b": [NaN]}', b'{"a":-0}'),
    *(b"[1]", b"{}{}", b'{"a":1},{"a":2}', b'{"a":1', b'"b":2}', b'{"a":1e999}', b'{"a":"\\ud800"}', b"NaN"),
    *(b'\xef\xbb\xbf{"a":1}', b'{"a":"\xff"}', b'{"a":1}\r', b"[" * 5000, b'{"a":' + b"9" * 5000 + b"}"),
    b'{"a":NaNs}',
)
lines = st.one_of(objects.map(lambda row: json.dumps(row).encode()), st.sampled_from(odd), st.binary(max_size=12))


@settings(max_examples=300, deadline=None)
@given(st.lists(lines, max_size=6), st.booleans())
def test_lines_at_once_are_read_as_one_by_one(found, without):
    quick, json_objects.quick = json_objects.quick, json_objects._patient if without else json_objects.quick
    try:
        rows, garbage = parse_all([line.replace(b"\n", b"") + b"\n" for line in found])
    finally:
        json_objects.quick = quick
    stripped = [line.replace(b"\n", b"").strip(json_objects._BLANK) for line in found]
    plain = [parse(line) for line in stripped if line]
    assert garbage == sum(row is None for row in plain)
    assert one_by_one(rows, False) == one_by_one([row for row in plain if row is not None], False)


def test_a_quick_parser_that_is_strict_is_helped(monkeypatch):
    def strict(line: bytes) -> object:
        def refuse(token: str) -> None:
            raise ValueError(token)

        return json.loads(line, parse_constant=refuse)

    monkeypatch.setattr(json_objects, "quick", strict)
    rows, garbage = parse_all([b'{"a": NaN, "b":-Infinity}\n', b'{"a": "x: NaN"}\n', b'{"a": [NaN]}\n'])
    assert rows[:2] == [{"a": "NaN", "b": "-Infinity"}, {"a": "x: NaN"}]
    assert math.isnan(rows[2]["a"][0])
    assert garbage == 0


def test_floats_are_plain_numbers_only():
    assert floats((1, 2.5)).tolist() == [1, 2.5]
    assert [floats(one) for one in ((1, True), (1.0, "2"), (None,), (10**400,))] == [None] * 4


def test_rows_are_alike_where_their_keys_are():
    rows = [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"b": 1, "a": 1}, {"a": 1}]
    assert [(keys, len(group)) for keys, group in alike(rows)] == [(("a", "b"), 2), (("b", "a"), 1), (("a",), 1)]
    assert [list(map(list, zip(*[(k, p.tolist()) for k, p in parted(["x", "y", "x"])], strict=True)))][0] == [
        ["x", "y"],
        [[0, 2], [1]],
    ]


def test_an_epoch_that_begins_anew_is_counted_on_as_one_by_one():
    anew = [{"step": at, "epoch": float(epoch), "loss": 1.0} for epoch in range(3) for at in range(10)]
    again = [{"step": at, "epoch": 0.1 * at, "loss": 1.0} for at in range(10)]
    for rows in (anew, [*again, *({"step": at, "epoch": 0.5, "loss": 2.0} for at in range(10))]):
        quick = Rows()
        for at in range(0, len(rows), 10):
            quick.add_all(rows[at : at + 10])
        assert repr(state(quick)) == repr(one_by_one(rows, False)[1])


@pytest.mark.parametrize(
    "made",
    [
        lambda n: {"step": n, "loss": 1.0 / n},
        lambda n: {"step": n, "loss": 1.0 / n, "lr": None if n % 3 == 2 else 0.1},
        lambda n: {"epoch": n / 10, "loss": 1.0 / n},
        lambda n: {"loss": 1.0 / n},
    ],
)
@pytest.mark.parametrize("last_wins", [False, True])
def test_rows_of_one_shape_are_not_added_one_by_one(made, last_wins, monkeypatch):
    rows = Rows(last_wins)
    rows.add(made(1))
    added = []
    monkeypatch.setattr(Rows, "add", lambda _, row: added.append(row) or True)
    rows.add_all([made(n) for n in range(2, 200)])
    assert added == []
    assert rows.snapshot()["train/loss"].value.tolist() == [1.0 / n for n in range(1, 200)]


def test_points_of_columns_that_rise_are_not_added_one_by_one(monkeypatch):
    rows = Rows(last_wins=True)
    rows.add_points(["loss", "lr"], [1, 1], [9.0, 0.1])
    added = []
    monkeypatch.setattr(Rows, "add", lambda _, row: added.append(row) or True)
    rows.add_points(["loss", "lr"] * 50, [n // 2 + 2 for n in range(100)], [1.0] * 100)
    assert added == []
    assert len(rows.snapshot()["train/lr"].value) == 51
