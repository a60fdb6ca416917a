"""Texts as strings are the same texts: right evaluators of them are left alone, faulty ones are told."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange
import torch

from sad.judge.evaluators.batches import Rows
from sad.judge.evaluators.texts import STRINGS, flat, size, tokenizer, written
from sad.judge.target import load
from sad.verdict import Standing

FILE = Path(__file__).parent / "text_evaluators.py"


@pytest.mark.parametrize("name", load(f"{FILE}:STYLES"))
def test_a_right_one_is_left_alone(name):
    what, lines = strange.judged(FILE, name, "evaluator")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["token_weighted"].standing is Standing.HOLDS


@pytest.mark.parametrize("name", load(f"{FILE}:FAULTS"))
def test_a_faulty_one_is_told(name):
    _, lines = strange.judged(FILE, name, "evaluator", ("token_weighted",))
    assert lines["token_weighted"].standing is Standing.BROKEN


def test_a_text_is_read_as_the_ids_it_was_written_from():
    rows = Rows(torch.tensor([[3, 7, 9], [5, 24, 24]]), torch.tensor([[1, 1, 1], [1, 0, 0]]), torch.zeros(2, 3))
    assert written(rows) == ["t3 t7 t9", "t5"]
    assert tokenizer()(written(rows), padding=True)["input_ids"] == rows.ids.tolist()
    data = flat(STRINGS[1], [rows])
    assert data["text"] == written(rows)
    assert data[0] == {"text": "t3 t7 t9"}
    assert data.column_names == ["text"]
    assert size([rows]) == 2
    ids = flat(STRINGS[-1], [rows])
    assert ids["input_ids"] == [[3, 7, 9], [5]]
    assert ids["attention_mask"] == [[1, 1, 1], [1]]
