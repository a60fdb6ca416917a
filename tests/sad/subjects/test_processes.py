"""Functions in several processes of one group."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest
import torch
import torch.distributed as dist

from sad.subjects.processes import on_processes


def summed(value: int) -> tuple[int, int, float]:
    total = torch.tensor([float(value + dist.get_rank())])
    dist.all_reduce(total)
    return dist.get_rank(), dist.get_world_size(), float(total)


def stumble(rank: int) -> None:
    if dist.get_rank() == rank:
        raise ValueError("one fell")
    dist.barrier()


def die(_: object) -> None:
    os._exit(3)


def test_they_know_of_one_another() -> None:
    assert on_processes(summed, 10, 3) == [(0, 3, 33.0), (1, 3, 33.0), (2, 3, 33.0)]


def test_this_process_is_left_as_it_was() -> None:
    before = dict(os.environ)
    on_processes(summed, 0, 2)
    assert dict(os.environ) == before
    assert not dist.is_initialized()


@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_fails_ends_the_others_and_is_told_of(rank: int) -> None:
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="ValueError: one fell"):
        on_processes(stumble, rank, 2)
    assert time.monotonic() - started < 20


def test_one_that_dies_is_told_of() -> None:
    with pytest.raises(RuntimeError, match="process 0 ended without an answer"):
        on_processes(die, None, 2)


def unspeakable(_: object) -> object:
    return lambda: None


def test_an_answer_that_cannot_be_sent_is_told_of() -> None:
    with pytest.raises(RuntimeError, match="pickle"):
        on_processes(unspeakable, None, 2)


def falls_beside_one_that_goes_on(_: None) -> None:
    if os.environ["RANK"] == "0":
        raise ValueError("it fell")
    time.sleep(60)


def test_nothing_is_left_running_where_one_has_failed() -> None:
    before = set(multiprocessing.active_children())
    with pytest.raises(RuntimeError, match="it fell"):
        on_processes(falls_beside_one_that_goes_on, None, 2)
    assert set(multiprocessing.active_children()) <= before
