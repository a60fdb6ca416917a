from copy import deepcopy

import pytest
import torch

from sad.bugs.resume_loses_state import BUG
from sad.train import loop
from sad.train.saving import checkpoint
from sad.verify.battery import run


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_and_finds_it_absent(found):
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says.startswith("resumed at step 1: loss ")


@pytest.mark.parametrize(
    ("variant", "says"),
    [
        ("the scheduler begins anew", "resumed at step 1: learning rate 0.05 at step 2"),
        ("the random generator begins anew", "resumed at step 1: loss "),
        ("the data begin anew", "resumed at step 1: step 2 takes samples "),
        ("what is saved are the live tensors", "resumed at step 1: loss "),
        ("what is saved are the optimizer's live tensors", "resumed at step 1: loss "),
        ("what is loaded becomes the live tensors", "resumed once more from the save of step 3: loss "),
    ],
)
def test_each_loss_is_named(found, variant, says):
    assert found.variants[variant][0].says.startswith(says)


def without_moments(_, tensors):
    torch.set_rng_state(tensors["random/cpu"])


def without_random_state(optimizer, tensors, shipped=checkpoint._restore):
    shipped(optimizer, {**tensors, "random/cpu": torch.get_rng_state()})


@pytest.mark.parametrize("restore", [without_moments, without_random_state])
def test_a_checkpoint_that_loses_a_part_is_found(monkeypatch, found_in_the_code_that_trains, restore):
    monkeypatch.setattr(checkpoint, "_restore", restore)
    assert "resumed at step 1: loss " in found_in_the_code_that_trains(BUG)


def test_a_schedule_that_begins_anew_is_found(monkeypatch, found_in_the_code_that_trains):
    begun = []

    def rate(optimizer, step, *more, shipped=loop.set_learning_rate):
        # a new process, a new optimizer
        if not begun or begun[0] is not optimizer:
            begun[:] = [optimizer, step]
        return shipped(optimizer, step - begun[1], *more)

    monkeypatch.setattr(loop, "set_learning_rate", rate)
    assert "resumed at step 1: learning rate 0.002 at step 2" in found_in_the_code_that_trains(BUG)


def test_weights_of_the_terms_that_begin_anew_are_found(monkeypatch, found_in_the_code_that_trains):
    def load(run, distiller, optimizer, objective, shipped=checkpoint.load):
        return shipped(run, distiller, optimizer, deepcopy(objective))

    monkeypatch.setattr(checkpoint, "load", load)
    assert "resumed at step 1: loss " in found_in_the_code_that_trains(BUG)
