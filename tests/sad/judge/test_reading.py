"""What a program reads and is not here is the texts that are judged; what is here is read as it is."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sad.judge.reading import Record, Records, Text, reading, worded

TEXTS = ["t1 t2", "t3"]


@pytest.fixture
def world():
    with reading(TEXTS, lambda name, declared: (name, declared)):
        yield


@pytest.mark.usefixtures("world")
def test_files_that_are_not_here_have_the_texts(tmp_path):
    with open("nowhere.txt") as file:
        assert file.read() == "t1 t2\nt3\n"
    with open("nowhere.jsonl") as file:
        assert [json.loads(line)["content"] for line in file] == ["t1 t2\n", "t3\n"]
    with open("nowhere.jsonl") as file:
        assert [json.loads(line.strip())["content"] for line in file if line.rstrip()] == ["t1 t2", "t3"]
    with open("nowhere.json") as file:
        assert json.load(file)[1]["input_ids"] == [3]
    assert np.memmap("train.bin", dtype=np.uint16).tolist() == [1, 2, 3]
    there = tmp_path / "there.json"
    there.write_text("[1]")
    with open(there) as file:
        assert json.load(file) == [1]
    for mode in ("w", "rb"):
        with pytest.raises(FileNotFoundError), open(tmp_path / "no folder" / "file", mode):
            pass
    assert json.loads('{"a": 1}') == {"a": 1}


@pytest.mark.usefixtures("world")
def test_a_command_line_is_its_defaults():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", default=0.1)
    parser.add_argument("--name", required=True)
    assert parser.parse_args() == ("args", {"help": argparse.SUPPRESS, "lr": 0.1, "name": None})
    assert parser.parse_args(["--name", "a"]).name == "a"


def test_data_sets_are_read_where_they_were_imported_by_name(tmp_path):
    pytest.importorskip("datasets")
    space = {"__file__": str(tmp_path / "program.py")}
    from types import ModuleType

    module = ModuleType("a_program")
    vars(module).update(space)
    exec("from datasets import load_dataset", vars(module))
    import sys

    before = vars(module)["load_dataset"]
    sys.modules["a_program"] = module
    try:
        with reading(TEXTS, lambda *_: None):
            assert len(vars(module)["load_dataset"]("a/name", split="train")) == 2
        assert vars(module)["load_dataset"] is before
    finally:
        del sys.modules["a_program"]


def test_records_have_every_column_and_split():
    records = Records(TEXTS)
    assert "train" in records
    assert records["validation"] is records.map(len, batched=True).shuffle(seed=1).train_test_split(0.1)
    assert (records["content"], records["labels"], records[0]["attention_mask"]) == (TEXTS, [[1, 2], [3]], [1, 1])
    assert [one.get("text") for one in records.select([1, 7])] == ["t3"]
    assert [len(records[:1]), len(records.take(1)), len(records.items())] == [1, 1, 3]
    assert [name for name, _ in records.items()] == list(records.keys())
    assert "a column of any name" in records[0]
    with pytest.raises(AttributeError):
        records.no_method_of_data_sets()


def test_a_text_is_what_its_mask_leaves():
    assert worded(torch.tensor([5, 6, 0]), torch.tensor([1, 1, 0])) == "t5 t6"
    assert isinstance(Record("t1")["any"], Text)


def test_all_is_as_it_was_afterwards():
    before = (open, json.load, np.load)
    with pytest.raises(KeyError), reading(TEXTS, lambda *_: None):
        raise KeyError
    assert (open, json.load, np.load) == before
    assert not Path("nowhere.txt").exists()
