"""What reads one example, or the columns of several, is judged as a collator that pads."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange
import torch

from sad.errors import UserError
from sad.judge.collators.batch import OtherBatchError, WrongBatchError
from sad.judge.collators.prepares import Takes, padded, paired, ways
from sad.judge.target import load
from sad.verdict import Standing

FILE = Path(__file__).parent / "preparing.py"


@pytest.mark.parametrize("name", load(f"{FILE}:STYLES"))
def test_a_right_one_is_left_alone(name):
    what, lines = strange.judged(FILE, name, "collator")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["target_alignment"].standing is Standing.HOLDS
    learned = "learns prompts too" if name == "tokenize_function" else "masks prompts"
    assert what == f"a collator that pads on the right and {learned}"


@pytest.mark.parametrize(("name", "word"), load(f"{FILE}:FAULTS").items())
def test_a_faulty_one_is_caught(name, word):
    _, lines = strange.judged(FILE, name, "collator", ("target_alignment",))
    assert lines["target_alignment"].standing is Standing.BROKEN
    assert word in lines["target_alignment"].says


def test_a_tokenizer_of_another_kind_is_told():
    with pytest.raises(UserError, match="it asks its tokenizer for im_start_id"):
        strange.judged(FILE, "encode_with_marks", "collator")


def test_what_a_script_maps_over_its_data_is_judged_without_running_it():
    script = Path(__file__).parent / "preparing_script.py"
    _, lines = strange.judged(script, "tokenize_function", "collator", ("can_be_called", "target_alignment"))
    assert {line.standing for line in lines.values()} == {Standing.HOLDS}, lines
    _, lines = strange.judged(script, "tokenize_padded", "collator", ("target_alignment",))
    assert lines["target_alignment"].says == "3 pairs of padding (in training)"


def test_it_is_said_how_it_is_called():
    _, said = strange.assumed(FILE, "preprocess", "collator")
    assert "it is called with one text at a time; its rows are padded here, on the right" in said


def test_ids_without_a_mark_that_the_tokenizer_lacks_are_no_fault():
    with pytest.raises(OtherBatchError, match="its tokenizer lacks a mark that it asks for"):
        padded([{"input_ids": [None, 5], "labels": [-100, 5]}], 0)


def test_what_it_takes_is_told_by_names():
    def collate(batch): ...
    def tokenize(batch): ...

    assert ways(collate, ["batch"]) == (Takes.LIST,)
    assert ways(tokenize, ["batch"]) == (Takes.COLUMNS, Takes.ONE, Takes.LIST)
    assert ways(collate, ["example", "tokenizer"]) == (Takes.ONE,)
    assert ways(collate, ["prompt", "response"]) == (Takes.PAIR,)
    assert paired(["tokenizer", "sources", "targets"]) == ("sources", "targets")
    assert paired(["sources", "target"]) == ()


def test_rows_are_padded_with_what_nobody_reads():
    found = padded([{"input_ids": [2, 3, 4], "labels": [-100, 3, 4]}, {"input_ids": [[5]], "labels": [[5]]}], 1)
    assert found["input_ids"].tolist() == [[2, 3, 4], [5, 1, 1]]
    assert found["labels"].tolist() == [[-100, 3, 4], [5, -100, -100]]
    assert found["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert padded([([2, 3], torch.tensor([2, 3]))], 0)["labels"].tolist() == [[2, 3]]
    with pytest.raises(WrongBatchError, match="differ in length"):
        padded([{"input_ids": [2, 3], "labels": [3]}], 0)
    with pytest.raises(WrongBatchError, match="no input_ids"):
        padded([{"text": "a"}], 0)
    with pytest.raises(WrongBatchError, match="str, no input_ids"):
        padded(["a"], 0)
