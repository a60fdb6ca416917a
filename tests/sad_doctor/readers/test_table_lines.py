"""A line of names gives them to the lines of numbers below it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import names, read
from sad_doctor.readers.table_lines import Tables

TABLES = {
    "bars": ("|  step |  loss | kd_loss |    lr |", "|------|-----|", "| {i:5d} | {x} | {y} | 1e-4 |"),
    "boxes": ("┃ Step ┃ Loss ┃ KD Loss ┃ LR ┃", "┡━━━━╇━━━━━┩", "│ {i} │ {x} │ {y} │ 1e-4 │"),
    "blanks": ("   step       loss      kd      lr", "-" * 20, "   {i}       {x}     {y}    1e-4"),
    "one blank": ("step loss kd lr", "", "{i} {x} {y} 1e-4"),
    "tabs": ("Step\tTraining Loss\tKD Loss\tLearning Rate", "", "{i}\t{x}\t{y}\t1e-4"),
    "commas": ("step, loss, kd_loss, lr", "", "{i}, {x}, {y}, 1e-4"),
    "times": ("step  loss  kd  lr  time  acc", "", "{i}  {x}  {y}  1e-4  00:12  53.1%"),
}


@pytest.mark.parametrize("shape", TABLES)
def test_a_table_is_read(tmp_path: Path, shape: str) -> None:
    header, rule, row = TABLES[shape]
    rows = [row.format(i=i, x=f"{9 - i / 10:.2f}", y=f"{5 - i / 10:.2f}") for i in range(1, 21)]
    path = tmp_path / "run.log"
    path.write_text(
        "\n".join(["Loading 3 files", header, rule, *rows[:10], "saved 10 20 30", header, *rows[10:]]) + "\n"
    )
    run = read(path)
    assert run.columns[names.LOSS].step.tolist() == list(range(1, 21))
    assert run.columns[names.LOSS].value == pytest.approx([9 - i / 10 for i in range(1, 21)])
    assert run.columns[names.RAW + names.KD].value == pytest.approx([5 - i / 10 for i in range(1, 21)])
    assert run.columns[names.LEARNING_RATE].value.tolist() == [1e-4] * 20


def test_a_table_of_epochs_as_fastai_prints_it(tmp_path: Path) -> None:
    lines = ["epoch     train_loss  valid_loss  accuracy  time    "]
    lines += [f"{i}         {5 - i}.5  {6 - i}.5  0.25  00:12     " for i in range(5)]
    (tmp_path / "run.log").write_text("\n".join(lines) + "\n")
    run = read(tmp_path / "run.log")
    assert run.columns[names.LOSS].value.tolist() == [5.5, 4.5, 3.5, 2.5, 1.5]
    assert run.columns[names.EVAL_LOSS].value.tolist() == [6.5, 5.5, 4.5, 3.5, 2.5]


@pytest.mark.parametrize("row", ["1 2.5", "1 2.5 3 4", "1 2.5 x", "1 2.5 =", "00:12 2.5 3", "", "| |", "step 1 2"])
def test_a_line_that_is_no_row_stays(row: str) -> None:
    tables = Tables()
    assert tables.told("step loss kd") == "step loss kd"
    assert tables.told("1 2.5 3") == "step: 1 | loss: 2.5 | kd: 3"
    assert tables.told(row) == row


def test_numbers_below_other_words_stay() -> None:
    tables = Tables()
    for line in ("step by step guide", "1 2 3 4", "loss step", "1 2"):
        assert tables.told(line) == line


@given(st.lists(st.text(alphabet="step los|,\t 0123.-nae%:", max_size=80), max_size=6))
def test_any_lines_are_taken(lines: list[str]) -> None:
    tables = Tables()
    for line in ["step loss", *lines]:
        tables.told(line)
