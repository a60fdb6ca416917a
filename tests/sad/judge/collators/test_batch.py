"""What a collator returned, under the names of the field."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sad.judge.collators.batch import OtherBatchError, WrongBatchError, read, with_last

IDS = torch.tensor([[2, 3, 4], [5, 6, 1]])
OWN = torch.tensor([[-100, 3, 4], [-100, 6, -100]])
NEXT = torch.tensor([[3, 4, -100], [6, -100, -100]])
MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    ("returned", "shifted"),
    [
        ({"input_ids": IDS, "labels": OWN, "attention_mask": MASK}, False),
        ({"input_ids": IDS.numpy(), "labels": np.array(OWN)}, False),
        (SimpleNamespace(input_ids=IDS, labels=OWN), False),
        ({"input_ids": IDS.tolist(), "labels": OWN.tolist()}, False),
        ({"tokens": IDS, "targets": NEXT}, True),
        ({"tokens": IDS, "targets": OWN}, False),
        ({"input_ids": IDS, "shift_labels": NEXT}, True),
        # a model of transformers shifts what is called labels
        ({"input_ids": IDS, "labels": NEXT}, False),
        ((IDS, NEXT), True),
        ((IDS, MASK, OWN), False),
    ],
)
def test_parts_are_found(returned, shifted):
    found = read(returned).batch
    assert torch.equal(found.input_ids, IDS)
    assert torch.equal(found.labels, NEXT if shifted else found.labels)
    assert found.shifted is shifted


def test_a_mask_of_what_is_learned_makes_labels():
    found = read({"input_ids": IDS, "loss_mask": torch.tensor([[0, 1, 1], [0, 1, 0]])}).batch
    assert torch.equal(found.labels, OWN)


def test_an_empty_dict_and_a_generator_are_not_told_as_broken():
    with pytest.raises(OtherBatchError, match="it looks for other names in its features"):
        read({})
    with pytest.raises(OtherBatchError, match="it returns a generator"):
        read(one for one in ())


@pytest.mark.parametrize(
    ("returned", "word"),
    [
        (None, "None"),
        (7, "an int"),
        ({"input_ids": IDS}, "no labels"),
        ({"input_ids": IDS[0], "labels": OWN[0]}, "one axis"),
        ({"input_ids": IDS, "labels": OWN[:, 1:]}, "differ in shape"),
        ({"input_ids": IDS.float(), "labels": OWN}, "no whole numbers"),
        ({"input_ids": [[1], [2, 3]], "labels": OWN}, "unequal lengths"),
    ],
)
def test_what_is_no_batch_is_told(returned, word):
    with pytest.raises(WrongBatchError, match=word):
        read(returned)


def test_last_tokens_that_are_targets_alone_are_read():
    given = {"input_ids": IDS[:, :2], "targets": torch.tensor([[3, 4], [6, -100]]), "attention_mask": MASK[:, :2]}
    found = with_last(read(given).batch, 9)
    assert found.input_ids.tolist() == [[2, 3, 4], [5, 6, 9]]
    assert found.labels.tolist() == [[3, 4, -100], [6, -100, -100]]
    assert found.attention_mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert found.shifted
    whole = read({"tokens": IDS, "targets": NEXT}).batch
    assert with_last(whole, 9) is whole


def test_a_batch_may_be_one_entry_beside_others():
    found = read({"data": {"input_ids": IDS, "labels": OWN}, "data_samples": None})
    assert torch.equal(found.batch.input_ids, IDS)
