import math
from dataclasses import replace

import pytest
import torch

from sad.invariants.numerics_reported import ENOUGH, FAULTS, IN_VAIN, Told, Took, numerics_reported

ONE, ZERO = torch.ones(1), torch.zeros(1)


class Careful:
    """One weight that goes down by 1 at every step that is finite."""

    def steps(self, fault):
        weight = torch.ones(1, requires_grad=True)
        value = fault((weight * 2.0).sum())
        value.backward()
        bad = not (value.isfinite() and weight.grad.isfinite().all())
        after = [torch.ones(1), torch.full((1,), 1.0 if bad else 0.0), torch.full((1,), 0.0 if bad else -1.0)]
        return Took(value.item(), float(weight.grad.norm()), int(bad), after)

    def spoilt(self, site, fault):
        """Two rows of one weight, summed: twice states, once logits."""
        weight = torch.ones(1, requires_grad=True)
        rows = fault(weight.expand(2, 2) + 0.0)
        reads = {"lm": rows[0, 1], "kd": rows[0, 1] * 0.0, "layerwise": rows[0, 0]}
        values = {n: (rows.sum() if site == "states" else value).item() for n, value in reads.items()}
        return Took(values["lm"], math.nan, 1, [ONE, ONE, ZERO], values)

    def step(self, *, labelled, empty):
        assert labelled + empty
        return Told({"lm": 2.5}, 1.5) if labelled else Told({}, 0.0)

    def given_up(self, bad):
        last, run = min(IN_VAIN, len(bad)), 0
        for step, one in enumerate(bad, 1):
            run = run + 1 if one else 0
            if run == last or (step == ENOUGH and 2 * sum(bad[:step]) > step):
                return step
        return len(bad) if 2 * sum(bad) > len(bad) else None


class Changed(Careful):
    """Careful, but for a change in what it says of a bad step."""

    def __init__(self, **change):
        self.change = change

    def steps(self, fault):
        took = super().steps(fault)
        return replace(took, **self.change) if took.left_out else took


def test_a_careful_trainer_holds():
    assert numerics_reported(Careful()).holds


def test_the_faults_are_what_they_are_called():
    measured = {name: Careful().steps(fault) for name, fault, _ in FAULTS}
    nan, infinite, gradient = measured.values()
    assert math.isnan(nan.value)
    assert infinite.value == math.inf
    assert math.isfinite(infinite.norm)
    assert math.isfinite(gradient.value)
    assert math.isnan(gradient.norm)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": 0.0}, "NaN in a term is reported as 0.0000"),
        ({"norm": 1.0}, "NaN in the gradient alone is reported as 1.0000"),
        ({"left_out": 0}, "0 steps counted"),
        ({"left_out": 2}, "2 steps counted"),
        ({"weights": [ONE, ZERO, -ONE]}, "moves the weights"),
        ({"weights": [ONE, ONE, ONE]}, "nothing moves"),
        ({"weights": [ONE, ONE, torch.full((1,), math.nan)]}, "not finite"),
    ],
)
def test_a_careless_one_breaks_it(change, says):
    verdict = numerics_reported(Changed(**change))
    assert not verdict.holds
    assert says in verdict.says


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"values": {"lm": math.nan, "layerwise": 0.5}}, "NaN in a state: layerwise is reported as 0.5000"),
        ({"values": {"lm": 1.0, "layerwise": math.nan}}, "NaN in a state: lm is reported as 1.0000"),
        ({"values": {}}, "no value is reported"),
        ({"left_out": 0}, "NaN in a state: 0 steps counted"),
        ({"weights": [ONE, ZERO, -ONE]}, "NaN in a state moves the weights"),
        ({"weights": [ONE, ONE, ONE]}, "after NaN in a state nothing moves"),
        ({"weights": [ONE, ONE, torch.full((1,), math.nan)]}, "not finite"),
    ],
)
def test_carelessness_with_what_terms_read_breaks_it(change, says):
    class Summed(Careful):
        def spoilt(self, site, fault):
            return replace(super().spoilt(site, fault), **change)

    verdict = numerics_reported(Summed())
    assert not verdict.holds
    assert says in verdict.says


def test_leaving_out_healthy_steps_breaks_it():
    class Fearful(Careful):
        def steps(self, fault):
            return replace(super().steps(fault), left_out=1)

    assert "healthy" in numerics_reported(Fearful()).says


@pytest.mark.parametrize(
    ("mixed", "alone", "says"),
    [
        ({"lm": 2.5 / 3}, {}, "unlabelled"),
        ({"lm": math.nan}, {}, "unlabelled"),
        ({}, {}, "unlabelled"),
        ({"lm": 2.5}, {"lm": math.nan}, "lm is said to be nan where there is no label"),
        ({"lm": 2.5}, {"lm": 0.0}, "lm is said to be 0.0000 where there is no label"),
    ],
)
def test_a_mean_over_nothing_breaks_it(mixed, alone, says):
    class Mean(Careful):
        def step(self, *, labelled, empty):
            return Told(alone, 0.0) if not labelled else Told(mixed if empty else {"lm": 2.5}, 1.5)

    verdict = numerics_reported(Mean())
    assert not verdict.holds
    assert says in verdict.says


@pytest.mark.parametrize(("mixed", "alone"), [(0.5, 0.0), (math.nan, 0.0), (1.5, math.nan), (1.5, 0.1)])
def test_a_gradient_that_the_empty_ones_change_breaks_it(mixed, alone):
    class Leaky(Careful):
        def step(self, *, labelled, empty):
            return Told({}, alone) if not labelled else Told({"lm": 2.5}, mixed if empty else 1.5)

    verdict = numerics_reported(Leaky())
    assert not verdict.holds
    assert "the gradient is" in verdict.says


@pytest.mark.parametrize(
    ("given_up", "says"),
    [
        (lambda _: None, "every step left out: it goes on, it should be that it ends with an error after 20"),
        (lambda bad: len(bad), "every step left out: it ends with an error after 22"),
        (lambda bad: sum(bad) if sum(bad) in (3, 22) else None, "ends with an error after 22"),
        (
            lambda bad: min(IN_VAIN, len(bad)),
            "two of three steps left out, without an end: it ends with an error after 20",
        ),
        (lambda bad: Careful().given_up(bad) if all(bad) else None, "one good step between bad ones: it goes on"),
    ],
)
def test_a_training_that_does_not_end_when_it_should_breaks_it(given_up, says):
    trainer = Careful()
    trainer.given_up = given_up
    verdict = numerics_reported(trainer)
    assert not verdict.holds
    assert says in verdict.says
