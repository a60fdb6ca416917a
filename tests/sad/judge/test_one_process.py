"""Functions of several processes answer for one where nobody set any up."""

import os

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from sad.judge.one_process import ALONE, alone


@pytest.fixture
def lone(monkeypatch):
    for name in ("__getitem__", "__contains__"):
        monkeypatch.setattr(type(os.environ), name, getattr(type(os.environ), name))
    for name in (*ALONE, "init_process_group"):
        monkeypatch.setattr(dist, name, getattr(dist, name))
    for name in ("__init__", "forward", "no_sync"):
        monkeypatch.setattr(DistributedDataParallel, name, getattr(DistributedDataParallel, name))
    alone()


@pytest.mark.usefixtures("lone")
def test_one_process_is_alone():
    assert (dist.get_rank(), dist.get_world_size(), dist.is_initialized()) == (0, 1, False)
    term = torch.tensor([2.0])
    dist.barrier()
    dist.all_reduce(term)
    assert term.item() == 2
    into = [torch.zeros(1)]
    dist.all_gather(into, term)
    assert into[0].item() == 2
    things = [None]
    dist.all_gather_object(things, "one")
    assert things == ["one"]


@pytest.mark.usefixtures("lone")
def test_a_group_that_is_set_up_is_asked(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        with pytest.raises(RuntimeError):
            dist.broadcast(torch.zeros(1), src=3)
    finally:
        dist.destroy_process_group()


@pytest.mark.usefixtures("lone")
def test_its_number_is_read_but_not_found_by_whoever_asks_whether_it_is_there(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert os.environ["LOCAL_RANK"] == "0"
    assert os.environ.get("LOCAL_RANK") is None
    assert "LOCAL_RANK" not in os.environ
    with pytest.raises(KeyError):
        os.environ["A_NAME_THAT_NOBODY_SETS"]


@pytest.mark.usefixtures("lone")
def test_no_group_is_set_up_of_devices_that_are_not_here(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert "LOCAL_RANK" in os.environ
    there = "LOCAL_RANK" in os.environ
    assert not there
    dist.init_process_group(backend="nccl", rank=0, world_size=1)
    assert not dist.is_initialized()


@pytest.mark.usefixtures("lone")
def test_a_model_that_is_wrapped_for_several_processes_is_asked_as_it_is():
    inner = torch.nn.Linear(2, 2)
    wrapped, given = DistributedDataParallel(inner, device_ids=[0]), torch.ones(1, 2)
    with wrapped.no_sync():
        assert torch.equal(wrapped.train()(given), inner(given))
    assert wrapped.module is inner
    assert len(list(wrapped.parameters())) == 2
