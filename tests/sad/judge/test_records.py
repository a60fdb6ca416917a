"""Records have the texts under every name that they are asked for."""

import pytest
import torch

from sad.judge.records import File, Pickled, Record, Records, Text, worded

TEXTS = ["t1 t2", "t3"]


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


def test_a_line_without_its_end_is_a_text_still():
    line = Text("t1 t2\n")
    assert (line.strip(), line.rstrip("\n")) == ("t1 t2", "t1 t2")
    assert {type(line.strip()), type(line.rstrip())} == {Text}


def test_the_bytes_of_a_file_that_is_not_here_are_nobodys():
    with pytest.raises(FileNotFoundError, match=r"rows\.pkl"):
        Pickled("rows.pkl").read()


def test_a_file_has_a_text_a_line():
    assert [(one, isinstance(one, Text)) for one in File(TEXTS)] == [("t1 t2\n", True), ("t3\n", True)]
