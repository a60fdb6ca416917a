"""What was saved and is not here is rows of the texts' ids, a dict of them, and a state that changes nothing."""

import pickle

import pytest
import torch

from sad.judge.reading import reading

TEXTS = ["t1 t2", "t3"]


@pytest.fixture(autouse=True)
def world():
    with reading(TEXTS, lambda *_: None):
        yield


def test_a_file_of_tokens_is_rows_of_ids():
    saved = torch.load("nowhere.pt", map_location="cpu")
    assert isinstance(saved, torch.Tensor)
    assert (saved.tolist(), len(saved), type(saved[:1] + 0)) == ([[1, 2], [3, 0]], 2, torch.Tensor)
    assert saved["input_ids"].tolist() == saved.get("labels").tolist() == [[1, 2], [3, 0]]
    train, test = saved
    assert train.shape == test.shape == (2, 2)
    with open("nowhere.pkl", "rb") as file:
        assert pickle.load(file)[1]["text"] == "t3"
    with open("nowhere.pt", "rb") as file:
        assert torch.load(file).shape == (2, 2)


def test_a_checkpoint_leaves_all_as_it_is():
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    before = model.weight.clone()
    saved = torch.load("nowhere.pt")
    model.load_state_dict(saved["model"])
    model.load_state_dict({key.removeprefix("module."): value for key, value in saved["model"].items()})
    model.load_state_dict({key: saved["model"][key] for key in saved["model"].keys()}, strict=False)  # noqa: SIM118
    optimizer.load_state_dict(saved["optimizer"])
    assert torch.equal(model.weight, before)
    assert (optimizer.param_groups[0]["lr"], saved["epoch"], "model" in saved) == (0.5, 0, True)


def test_a_file_that_is_here_is_read_and_a_state_is_taken(tmp_path):
    torch.save({"weight": torch.ones(1, 1), "bias": torch.zeros(1)}, tmp_path / "there.pt")
    model = torch.nn.Linear(1, 1)
    model.load_state_dict(torch.load(tmp_path / "there.pt"))
    assert model.weight.item() == 1.0
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict({"weight": torch.ones(1, 1)})
