"""What is seen of a run is seen at the optimizer."""

from __future__ import annotations

import pytest
import torch

from sad.subjects.trainer import Setup, Taken, Trace, Watch, joined


def test_a_step_counts_over_micro_batches_devices_and_nodes() -> None:
    setup = Setup((1,) * 25, micro_batch=2, accumulation=3, devices=2, nodes=2, epochs=3)
    assert (setup.processes, setup.global_batch, setup.steps_per_epoch, setup.steps) == (4, 24, 2, 6)
    assert setup.split == "micro-batches of 2, 3 accumulated, 4 processes"
    assert Setup((1,)).split == "micro-batches of 1, 1 accumulated, 1 process"


def test_a_step_is_seen_with_its_rate_its_gradient_and_its_change() -> None:
    weight, unused = torch.tensor([1.0, 2.0], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight, unused], lr=0.5)
    with Watch() as watch:
        watch.read(9)
        # the step is begun again
        watch.forget()
        watch.read(7)
        watch.read(3)
        (weight * torch.tensor([2.0, 4.0])).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    (taken,) = watch.taken
    assert (taken.rate, taken.texts) == (0.5, (7, 3))
    assert taken.gradient.tolist() == [2.0, 4.0, 0.0]
    assert taken.change.tolist() == [-1.0, -2.0, 0.0]
    # it was closed
    optimizer.step()
    assert len(watch.taken) == 1


def test_only_the_first_optimizer_is_watched() -> None:
    first, second = (torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr) for lr in (1.0, 2.0))
    with Watch() as watch:
        for optimizer in (first, second, first):
            optimizer.step()
    assert [taken.rate for taken in watch.taken] == [1.0, 1.0]
    assert watch.optimizer is first


def test_one_that_is_made_anew_of_the_same_weights_goes_on() -> None:
    weight = torch.zeros(1, requires_grad=True)
    with Watch() as watch:
        for rate in (1.0, 2.0, 3.0):
            torch.optim.SGD([weight], lr=rate).step()
    assert [taken.rate for taken in watch.taken] == [1.0, 2.0, 3.0]


def test_an_error_closes_it_too() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    watch = Watch()
    with pytest.raises(KeyError), watch:
        raise KeyError
    optimizer.step()
    assert watch.taken == []


def test_traces_of_several_processes_are_joined() -> None:
    def trace(value: float, text: int) -> Trace:
        one = torch.tensor([value])
        return Trace([Taken(0.1, one, one, (text,))], [], [value], [one])

    whole = joined([trace(1.0, 4), trace(1.0, 2), trace(5.0, 3)])
    (taken,) = whole.taken
    assert taken.texts == (4, 2, 3)
    assert float(taken.gradient) == 5.0
    assert whole.scores == [1.0]
    assert [float(end) for end in whole.ends] == [1.0, 1.0, 5.0]
