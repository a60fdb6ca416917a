import pytest
import torch

from sad.bugs.gradients_scaled_in_the_window import buggy, fixed
from sad.distiller import Distiller
from sad.invariants.split_invariance import split_invariance
from sad.subjects.plain.loop import PlainLoop
from sad.subjects.trainer import Setup


def test_the_first_micro_batches_fade():
    verdict = split_invariance(buggy())
    assert not verdict.holds
    assert verdict.numbers["apart"] > 0.9


def test_it_is_the_closed_form_of_a_decaying_average():
    setup = Setup((2, 30, 5, 18), accumulation=4)
    (found,), (right,) = buggy().run(setup).taken, PlainLoop().run(setup).taken
    count, expected = sum(setup.lengths), torch.zeros_like(right.gradient)
    for age, text in enumerate(reversed(right.texts)):
        # each text alone, for its share of the labels
        alone = PlainLoop()
        alone.order = lambda _, text=text: [text]
        (one,) = alone.run(Setup(setup.lengths)).taken
        expected += one.gradient * setup.lengths[text] / count * 4 / 4 ** (age + 1)
    assert float((found.gradient - expected).norm() / expected.norm()) == pytest.approx(0, abs=1e-12)


def test_gradients_that_are_scaled_before_each_forward_pass_are_found(monkeypatch):
    right = Distiller.forward

    def scaling(self, *given):
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad /= 2
        return right(self, *given)

    monkeypatch.setattr(Distiller, "forward", scaling)
    assert not split_invariance(fixed()).holds
