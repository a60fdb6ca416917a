import pytest
import torch

from sad.bugs.optimizer_undoes_the_load import BUG
from sad.train import step
from sad.train.saving import checkpoint
from sad.verify.battery import run


@pytest.fixture(scope="module")
def found():
    return next(run([BUG]))


def test_verify_catches_it_and_finds_it_absent(found):
    assert found.caught
    assert found.absent
    # the first loss after the load is right
    assert found.reproduced[0].says.startswith("resumed at step 1: loss 7.0")
    assert " at step 3, " in found.reproduced[0].says


def test_copies_of_the_rounded_weights_are_a_smaller_fault(found):
    (verdict,) = found.attempts["make the copies again from the loaded weights"]
    assert not verdict.holds
    assert 0 < verdict.numbers["apart"] < 0.1 * found.reproduced[0].numbers["apart"]


def test_an_optimizer_with_old_copies_is_found(monkeypatch, found_in_the_code_that_trains):
    copies = {}

    def load(run, distiller, *more, shipped=checkpoint.load):
        copies[distiller] = [p.detach().clone() for p in distiller.parameters()]
        return shipped(run, distiller, *more)

    def update(optimizer, distiller, measure, shipped=step._update):
        for weight, copy in zip(distiller.parameters(), copies.pop(distiller, []), strict=False):
            with torch.no_grad():
                weight.copy_(copy)
        return shipped(optimizer, distiller, measure)

    monkeypatch.setattr(checkpoint, "load", load)
    monkeypatch.setattr(step, "_update", update)
    said = found_in_the_code_that_trains(BUG)
    assert "resumed at step 1: loss " in said
    assert " at step 3, " in said
