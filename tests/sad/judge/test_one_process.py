"""Functions of several processes answer for one where nobody set any up."""

import pytest
import torch
import torch.distributed as dist

from sad.judge.one_process import ALONE, alone


@pytest.fixture
def lone(monkeypatch):
    for name in ALONE:
        monkeypatch.setattr(dist, name, getattr(dist, name))
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
