import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.readers import read
from sad_doctor.readers.ranked_rows import RankedRows
from sad_doctor.readers.rows import Rows


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=60), st.integers(0, 60))
def test_rows_at_once_are_those_one_by_one_and_survive_a_cache(told, cut):
    rows = [{"rank": rank, "step": step, "loss": float(n)} for n, (rank, step) in enumerate(told)]
    one, many = RankedRows(), RankedRows()
    for row in rows:
        one.add(row)
    many.add_all(rows[:cut])
    many = RankedRows.restored(False, json.loads(json.dumps(many.state())), many.snapshot())
    many.add_all(rows[cut:])

    found, other = one.snapshot(), many.snapshot()
    assert found.keys() == other.keys()
    assert all(np.array_equal(found[name].value, other[name].value) for name in found)
    assert one.notes == many.notes


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
@pytest.mark.parametrize("apart", [False, True], ids=["mixed", "one after the other"])
def test_the_lowest_rank_counts(name, apart, write):
    every = [(step, rank) for step in range(1, 101) for rank in (2, 1, 0)]
    every = sorted(every, key=lambda one: (-one[1], one[0])) if apart else every
    rows = [{"step": step, "rank": rank, "loss": step + rank / 10} for step, rank in every]
    lines = [json.dumps(row) for row in rows]
    if name.endswith(".csv"):
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    run = read(write(name, "\n".join(lines) + "\n"))

    loss = run.columns[names.LOSS]
    assert loss.step.tolist() == list(range(1, 101))
    assert loss.value.tolist() == loss.step.tolist()
    assert any("ranks write into one log: the rows of rank 0 count" in note for note in run.notes)


def test_without_ranks_they_are_plain_rows():
    rows = [{"step": n, "loss": 1.0 / (n + 1)} for n in range(50)]
    plain, ranked = Rows(), RankedRows()
    assert plain.add_all(rows) == ranked.add_all(rows) == 0
    assert plain.notes == ranked.notes
    assert np.array_equal(plain.snapshot()[names.LOSS].value, ranked.snapshot()[names.LOSS].value)


def test_rows_of_the_rank_that_counts_are_not_added_one_by_one(monkeypatch):
    rows = RankedRows()
    rows.add({"rank": 0, "step": 0, "loss": 1.0})
    added = []
    monkeypatch.setattr(Rows, "add", lambda _, row: added.append(row) or True)
    rows.add_all([{"rank": 0, "step": n, "loss": 1.0} for n in range(1, 100)])
    assert added == []
    rows.add_all([{"rank": n % 2, "step": n // 2, "loss": 1.0} for n in range(200, 300)])
    assert added
