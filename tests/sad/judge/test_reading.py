"""What a program reads and is not here is the texts that are judged; what is here is read as it is."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sad.judge.reading import reading

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
    with pytest.raises(FileNotFoundError), open(tmp_path / "no folder" / "file", "w"):
        pass
    assert json.loads('{"a": 1}') == {"a": 1}


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


def test_all_is_as_it_was_afterwards():
    before = (open, json.load, np.load, torch.load, torch.nn.Module.load_state_dict)
    with pytest.raises(KeyError), reading(TEXTS, lambda *_: None):
        raise KeyError
    assert (open, json.load, np.load, torch.load, torch.nn.Module.load_state_dict) == before
    assert not Path("nowhere.txt").exists()
