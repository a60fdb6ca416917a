import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.readers import columns
from sad_doctor.readers.rows import Rows


def snapshot(rows: Rows) -> dict[str, tuple[list[float], list[float]]]:
    return {name: (column.step.tolist(), column.value.tolist()) for name, column in rows.snapshot().items()}


def test_missing_keys_leave_no_point():
    rows = Rows()
    rows.add({"step": 1, "loss": 2.0, "lr": 0.1})
    rows.add({"step": 2, "loss": 1.0})
    rows.add({"step": 3, "lr": None, "loss": "broken"})
    assert snapshot(rows) == {"train/loss": ([1, 2], [2, 1]), "train/lr": ([1], [0.1])}
    assert "1 null values were left out; some writers write NaN so" in rows.notes


def test_without_a_step_the_row_takes_the_one_before():
    rows = Rows()
    rows.add({"step": 10, "loss": 2.0})
    rows.add({"eval_loss": 3.0, "epoch": 1.0})
    assert snapshot(rows)["eval/loss"] == ([10], [3])
    assert "1 row without a step: they take the step before them" in rows.notes


def test_without_any_step_the_epoch_or_the_number_of_the_row_stands_for_it():
    epochs, bare = Rows(), Rows()
    for epoch in (1, 2):
        epochs.add({"loss": 1.0, "epoch": epoch})
        bare.add({"loss": 1.0})
    assert snapshot(epochs)["train/loss"][0] == [1, 2]
    assert snapshot(bare)["train/loss"][0] == [0, 1]
    assert "no step was logged: the epoch stands for it" in epochs.notes
    assert "no step was logged: the number of the row stands for it" in bare.notes


def test_the_best_step_key_counts():
    rows = Rows()
    rows.add({"_step": 7, "train/global_step": 700, "loss": 1.0})
    assert snapshot(rows) == {"train/loss": ([700], [1])}


def test_a_step_that_is_no_finite_number_is_none():
    rows = Rows()
    rows.add({"step": 4, "loss": 1.0})
    rows.add({"step": math.nan, "loss": 2.0})
    rows.add({"step": "inf", "loss": 3.0})
    assert snapshot(rows)["train/loss"][0] == [4, 4, 4]


def test_after_a_resume_file_order_is_kept_or_the_last_wins():
    kept, last = Rows(), Rows(last_wins=True)
    for step, value in ((1, 1.0), (2, 2.0), (3, 3.0), (2, 20.0)):
        kept.add({"step": step, "loss": value})
        last.add({"step": step, "loss": value})
    assert snapshot(kept)["train/loss"] == ([1, 2, 3, 2], [1, 2, 3, 20])
    assert snapshot(last)["train/loss"] == ([1, 2], [1, 20])
    assert "the step went back 1 time: the later values count" in last.notes
    assert any(note.startswith("the step went back 1 time: all values are kept, in file order") for note in kept.notes)


def epochs_of(steps, last_wins=False):
    rows = Rows(last_wins)
    for epoch in (1, 2, 3):
        for step in steps:
            rows.add({"epoch": epoch, "step": step, "loss": 1.0})
        rows.add({"epoch": epoch, "step": steps[-1], "eval_loss": 2.0})
    return rows


@pytest.mark.parametrize(
    ("steps", "counted", "evaluated"),
    [
        ([0, 1, 2], range(9), [2, 5, 8]),
        ([1, 2], range(1, 7), [2, 4, 6]),
        ([0, 50], [0, 50, 51, 101, 102, 152], [50, 101, 152]),
    ],
)
def test_steps_that_begin_anew_with_each_epoch_are_counted_on(steps, counted, evaluated):
    rows = epochs_of(steps)

    assert snapshot(rows)["train/loss"][0] == list(counted)
    assert snapshot(rows)["eval/loss"][0] == evaluated
    assert "the step began anew with 2 epochs: it is counted on" in rows.notes
    assert not any("went back" in note for note in rows.notes)


def test_a_step_that_goes_back_but_not_to_the_first_is_no_new_epoch():
    rows = Rows()
    for epoch, step in ((0.1, 10), (0.9, 90), (1.0, 50)):
        rows.add({"epoch": epoch, "step": step, "loss": 1.0})

    assert snapshot(rows)["train/loss"][0] == [10, 90, 50]


def test_a_resumed_run_is_no_new_epoch():
    rows = Rows()
    for epoch, step in ((1.0, 10), (1.5, 15), (2.0, 20), (1.5, 15), (2.0, 20)):
        rows.add({"epoch": epoch, "step": step, "loss": 1.0})

    assert snapshot(rows)["train/loss"][0] == [10, 15, 20, 15, 20]
    assert snapshot(epochs_of([0, 1], last_wins=True))["train/loss"][0] == [0, 1]


def test_values_under_a_key_that_says_nothing_keep_their_names():
    rows = Rows()
    rows.add({"level": "INFO", "data": {"step": 7, "loss": 2.0}, "losses": {"kd": 1.0}})

    assert snapshot(rows) == {"train/loss": ([7], [2]), "train/raw/kd": ([7], [1])}


@pytest.mark.parametrize(
    ("key", "value", "told"), [("total_steps", 300, 300), ("max_steps", "90", 90), ("max_steps", -1, None)]
)
def test_the_length_of_the_run(key, value, told):
    rows = Rows()
    rows.add({"current_steps": 10, key: value, "loss": 1.0})

    assert snapshot(rows)["train/loss"][0] == [10]
    assert rows.facts.get("total_steps") == told


def test_a_row_without_a_number_is_refused():
    assert not Rows().add({"text": "hello", "flag": False})


def test_too_many_names_are_left_out_without_growing(monkeypatch):
    monkeypatch.setattr(columns, "MOST_COLUMNS", 10)
    rows = Rows()
    for index in range(1000):
        rows.add({"step": index, f"metric {index}": 1.0})
    assert len(rows.snapshot()) == 10
    assert len(rows._targets) < 20
    assert any(
        "further ones that no rule knows were left out, of 1,000 rows, the last of step 999" in note
        for note in rows.notes
    )


def test_beyond_too_many_names_those_that_rules_know_are_kept(monkeypatch):
    monkeypatch.setattr(columns, "MOST_COLUMNS", 10)
    monkeypatch.setattr(columns, "RESERVED", 3)
    rows = Rows()
    for step in range(3):
        rows.add({"step": step} | {f"metric {index}": 1.0 for index in range(12)} | {"loss": 3.0, "kd_loss": 1.0})
    assert list(snapshot(rows))[10:] == ["train/loss", "train/raw/kd"]
    assert snapshot(rows)["train/loss"][0] == [0, 1, 2]
    for term in "abcdefgh":
        rows.add({"step": 4, f"weighted/{term}": 1.0})
    assert len(rows.snapshot()) == 13


values = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=8), st.lists(st.integers()))
rows_of_any = st.lists(st.dictionaries(st.sampled_from(["step", "loss", "kd_loss", "x", "epoch"]), values), max_size=20)


@given(rows_of_any, st.booleans())
def test_no_row_can_break_the_columns(given_rows, last_wins):
    rows = Rows(last_wins)
    for row in given_rows:
        rows.add(row)
    for column in rows.snapshot().values():
        assert np.isfinite(column.step).all()
        assert not last_wins or (np.diff(column.step) > 0).all()


@pytest.mark.parametrize("blank", ["", "NA", "null", None])
def test_a_dense_column_that_is_blank_at_the_end_is_a_fact(blank):
    rows = Rows()
    for step in range(30):
        rows.add(
            {"step": step, "loss": "3.0" if step < 20 else blank, "lr": 1e-4, "eval_loss": "" if step % 9 else 1.0}
        )
    assert rows.facts[names.BLANK] == {names.LOSS: (20.0, 29.0, 10)}
    rows.add({"step": 30, "loss": 3.0})
    assert names.BLANK not in rows.facts


def test_a_memory_in_gigabytes_becomes_bytes_also_in_rows_that_are_turned_and_restored():
    told = [{"step": i, "loss": 1.0, "gpu_mem_gb": 2.0 + i} for i in range(40)]
    rows = Rows()
    rows.add(told[0])
    rows.add_all(told[1:20])
    rows = Rows.restored(False, rows.state(), rows.snapshot())
    rows.add_all(told[20:39])
    rows.add(told[39])
    assert rows.snapshot()[names.MEMORY_DEVICE].value.tolist() == [(2.0 + i) * 1e9 for i in range(40)]


def test_rows_whose_step_is_an_epoch_say_so():
    rows, stepped = Rows(), Rows()
    rows.add_all([{"epoch": i, "loss": 1.0} for i in range(20)])
    stepped.add_all([{"epoch": i, "step": i, "loss": 1.0} for i in range(20)])
    assert rows.facts == {names.STEP_UNIT: "epoch"}
    assert stepped.facts == {}


def test_where_the_loss_was_logged_anew_is_a_fact_that_survives_a_cache():
    rows = Rows(last_wins=True)
    for step in [*range(1, 41), *range(1, 21)]:
        rows.add({"step": step, "loss": 9 - step / 10, "lr": 0.1})
    assert rows.facts[names.REWOUND] == [[40.0, 1.0, pytest.approx(9 - 3.8)]]
    again = Rows.restored(True, json.loads(json.dumps(rows.state())), rows.snapshot())
    assert again.facts == rows.facts
    kept = Rows()
    for step in [*range(1, 41), *range(1, 21)]:
        kept.add({"step": step, "loss": 9 - step / 10})
    assert names.REWOUND not in kept.facts
