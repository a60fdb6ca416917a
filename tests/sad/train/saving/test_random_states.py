"""Every process draws numbers of its own, and goes on with them after a checkpoint."""

from __future__ import annotations

import pytest
import torch

from sad.subjects.processes import on_processes
from sad.train.saving import random_states


def draw() -> float:
    return float(torch.rand(()))


def drawn(given: str) -> tuple[float, float, dict[str, torch.Tensor], float]:
    torch.manual_seed(7)
    random_states.seed(7)
    first = draw()
    kept = random_states.gathered(keep=random_states.rank() == 0)
    second = draw()
    states = [kept]
    torch.distributed.broadcast_object_list(states)
    tensors = {**states[0], "0/exp_avg": torch.zeros(1)}
    if given == "fewer":
        tensors.pop("random/cpu/1")
    random_states.restore(tensors)
    assert list(tensors) == ["0/exp_avg"]
    return first, second, kept, draw()


def test_what_a_process_has_drawn_it_draws_again() -> None:
    torch.manual_seed(5)
    states = random_states.own()
    first = draw()
    random_states.set_own(states)
    assert draw() == first


def test_alone_there_is_one_state_and_it_is_put_back() -> None:
    torch.manual_seed(3)
    random_states.seed(3)
    kept = random_states.gathered(keep=True)
    expected = [draw(), draw()]
    random_states.restore(kept)
    assert [draw(), draw()] == expected
    torch.manual_seed(3)
    assert draw() == expected[0]


def test_two_processes_draw_apart_and_each_goes_on_where_it_was() -> None:
    (first, second, kept, after), (other, others_second, nothing, others_after) = on_processes(drawn, "all", 2)
    torch.manual_seed(7)
    assert first == draw()
    assert first != other
    assert (after, others_after) == (second, others_second)
    assert sorted(kept) == ["random/cpu", "random/cpu/1"]
    assert nothing == {}


def test_a_process_that_was_not_there_draws_numbers_of_its_own() -> None:
    (_, second, _, after), (_, _, _, other) = on_processes(drawn, "fewer", 2)
    assert after == second
    assert other not in (second, after)


def test_a_checkpoint_without_states_is_none() -> None:
    with pytest.raises(KeyError):
        random_states.restore({})
