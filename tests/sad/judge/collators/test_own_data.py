"""A data set is built over a file, or a list, that has the texts; where no name tells which, that is said."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
import strange

from sad.errors import UserError
from sad.judge.collators.own_data import _written, is_data, takes
from sad.judge.target import load

FILE = Path(__file__).parent / "conversations.py"
TEXTS = [{"text": "t2 t3"}, {"text": "t4"}]


def test_a_data_set_is_told_from_a_collator():
    assert is_data(load(f"{FILE}:OfLines"))
    assert not is_data(load(f"{FILE}:Chats"))
    assert not is_data(load(f"{FILE}:collated"))


def test_what_holds_the_texts_is_told_by_names():
    def of(tokenizer, max_length, train_data, data_path=None): ...
    def other(parquet_files, tokenizer, data=None): ...

    assert takes(list(inspect.signature(of).parameters.values())) == ("data_path",)
    assert takes(list(inspect.signature(other).parameters.values())) == ("parquet_files",)
    with pytest.raises(UserError, match="no parameter is its texts or their file, by name"):
        strange.judged(FILE, "Unnamed", "collator")


def test_one_that_looks_for_marks_of_its_own_is_not_judged():
    with pytest.raises(UserError, match="it looks for marks of a template of its own in its texts"):
        strange.judged(FILE, "Sought", "collator")


@pytest.mark.parametrize(("name", "says"), [("Empty", "has no rows of the texts"), ("seeks", "a mark in its ids")])
def test_what_has_nothing_of_the_texts_here_is_not_judged(name, says):
    with pytest.raises(UserError, match=says):
        strange.judged(FILE, name, "collator")


def test_a_file_has_the_form_that_its_reader_reads(tmp_path):
    lines = _written(TEXTS, tmp_path, "[json.loads(one) for one in file.readlines()]")
    assert [json.loads(one) for one in lines.read_text().splitlines()] == TEXTS
    assert json.loads(_written(TEXTS, tmp_path, "json.load(file)").read_text()) == TEXTS
    pandas = pytest.importorskip("pandas")
    assert pandas.read_parquet(_written(TEXTS, tmp_path, "pd.read_parquet(one)")).to_dict("records") == TEXTS
