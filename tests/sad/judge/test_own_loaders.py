"""A loader that is made over given data goes through the batches of it; any other is torch's own."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from sad.judge.own_loaders import Collates, Data, ahead, own_loaders


def test_a_loader_over_given_data_goes_through_its_batches():
    given, looks = [1, 2, 3], []
    with own_loaders([Data(given, ["a", "b"], lambda: looks.append(1))]):
        made = DataLoader(given, batch_size=3, shuffle=True, drop_last=True, collate_fn=len)
    assert (list(made), list(made), len(made)) == (["a", "b"], ["a", "b"], 2)
    assert looks == [1, 1, 1, 1]
    assert list(DataLoader(given, batch_size=3, collate_fn=list)) == [[1, 2, 3]]


def test_what_is_raised_inside_leaves_loaders_as_they_were():
    with pytest.raises(KeyError), own_loaders([Data([], ["a"])]):
        raise KeyError
    assert len(DataLoader([1])) == 1


def test_over_data_of_its_program_the_words_around_tell_which_it_is():
    data = [Data([], ["a"]), Data([], ["b"])]
    with own_loaders(data):
        train_loader = DataLoader([7, 8])
        val_loader = DataLoader([7, 8])
        loader = DataLoader("a test_set")
        untold = DataLoader([9])
    assert [list(one) for one in (train_loader, val_loader, loader, untold)] == [["a"], ["b"], ["b"], ["a"]]
    assert len(DataLoader([7, 8])) == 2


def test_examples_of_one_tensor_come_in_a_list():
    ids = torch.tensor([[1, 2]])
    with own_loaders([Data([], [ids])]):
        train_loader, pairs = DataLoader(TensorDataset(ids)), DataLoader(TensorDataset(ids, ids))
    for (read,) in train_loader:
        assert read.tolist() == [[1, 2]]
    assert [one.tolist() for one in pairs] == [[[1, 2]]]


def test_whoever_asks_ahead_is_not_looked_at_after_the_last():
    looks = []
    assert list(ahead(["a", "b"], lambda: looks.append(1))) == ["a", "b"]
    assert looks == [1]


def test_a_data_set_that_makes_its_own_batches_leaves_them():
    data = Collates()
    assert (data.collate([1]), data.move_to_device(1, 2, "cpu")) == ([1], (1, 2))
