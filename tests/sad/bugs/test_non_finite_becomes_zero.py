import math
from types import SimpleNamespace

import pytest
import torch

from sad.batch import Sum
from sad.bugs.non_finite_becomes_zero import BUG
from sad.losses import contrastive, kd, layerwise, lm
from sad.objective import Ledger, Objective
from sad.rows import Rows
from sad.terms import TERMS
from sad.train import step
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says == "NaN in a term is reported as 0.0000 and moves the weights"
    assert found.fixed[0].says.startswith("5 of 5 bad steps")


def test_zero_in_its_place_is_found(monkeypatch, found_in_the_code_that_trains):
    part, ledger = Objective.part, Objective.ledger

    def hidden(self, *given):
        right = ledger(self, *given)
        return Ledger({n: v if math.isfinite(v) else 0.0 for n, v in right.raw.items()}, right.weight)

    monkeypatch.setattr(Objective, "part", lambda self, *given: torch.nan_to_num(part(self, *given)))
    monkeypatch.setattr(Objective, "ledger", hidden)
    assert "reported as 0.0000" in found_in_the_code_that_trains(BUG)


def test_a_step_on_any_gradient_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(step, "math", SimpleNamespace(isfinite=lambda _: True))
    assert "moves the weights" in found_in_the_code_that_trains(BUG)


def test_a_look_at_the_gradient_alone_is_found(monkeypatch, found_in_the_code_that_trains):
    # an infinite loss can have a finite gradient
    monkeypatch.setattr(Ledger, "loss", property(lambda _: 1.0))
    assert "infinity in a term" in found_in_the_code_that_trains(BUG)


def test_a_mean_over_no_label_is_found(monkeypatch, found_in_the_code_that_trains):
    def mean(view, shipped=TERMS["lm"]):
        total, units = shipped(view)
        return Sum(total / torch.tensor(float(units)) * units, units)

    monkeypatch.setitem(TERMS, "lm", mean)
    assert "unlabelled" in found_in_the_code_that_trains(BUG)


def cleaned(function, **with_):
    """The sum, or the values of the rows, cleaned."""

    def clean(*given):
        first, *rest = function(*given)
        return (Rows if isinstance(rest[0], torch.Tensor) else Sum)(first.nan_to_num(**with_), *rest)

    return clean


@pytest.mark.parametrize(
    ("module", "name"),
    [(lm, "rows"), (kd, "rows"), (layerwise, "layer_distance"), (contrastive, "info_nce")],
)
def test_a_term_that_cleans_its_sum_is_found(monkeypatch, found_in_the_code_that_trains, module, name):
    term = module.__name__.rpartition(".")[2]
    monkeypatch.setattr(module, name, cleaned(getattr(module, name), nan=0.0, posinf=math.inf))
    assert f"NaN in a state: {term} is reported as " in found_in_the_code_that_trains(BUG)


@pytest.mark.parametrize("module", [lm, kd])
def test_a_term_that_is_never_infinite_is_found(monkeypatch, found_in_the_code_that_trains, module):
    monkeypatch.setattr(module, "rows", cleaned(module.rows, nan=math.nan, posinf=1e4))
    assert "labels that are ruled out: " in found_in_the_code_that_trains(BUG)


def test_a_term_that_cleans_what_it_sums_is_found(monkeypatch, found_in_the_code_that_trains):
    def distance(student, teacher, _):
        squared = (layerwise.normalise(student) - layerwise.normalise(teacher.detach())).square()
        return Sum(squared.mean(-1).nan_to_num(0.0).sum(), len(student))

    monkeypatch.setattr(layerwise, "layer_distance", distance)
    assert "NaN in a state: layerwise is reported as " in found_in_the_code_that_trains(BUG)
