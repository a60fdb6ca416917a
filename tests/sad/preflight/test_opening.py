from __future__ import annotations

import pytest
import torch

from sad import tiny
from sad.preflight.opening import opening


def test_it_is_the_loss_and_the_gradient_of_the_runs_first_step(bench) -> None:
    """The record of the training loop says the same of its step 1."""
    made = bench({"train": {"max_steps": 1}})
    found = opening(made)
    assert found.windows == 2
    (first,) = [line for line in tiny.train(bench({"train": {"max_steps": 1}}).plan).record if "train/loss" in line]
    assert found.ledger.loss == pytest.approx(first["train/loss"], rel=1e-6)
    assert found.norm == pytest.approx(first["train/grad_norm"], rel=1e-5)
    for name, value in found.ledger.raw.items():
        assert value == pytest.approx(first[f"train/raw/{name}"], rel=1e-6)


def test_gradients_of_the_terms_are_counted_one_by_one(bench) -> None:
    one = opening(bench({"terms": {"lm": {"weight": 1.0}}}))
    double = opening(bench({"terms": {"lm": {"weight": 2.0}}}))
    assert double.gradient["lm"] == pytest.approx(2 * one.gradient["lm"], rel=1e-4)
    assert double.gradient["kd"] == pytest.approx(one.gradient["kd"], rel=1e-4)
    assert sum(one.gradient_shares.values()) == pytest.approx(1)


def test_target_shares_are_met_before_the_first_step_as_in_the_loop(bench) -> None:
    found = opening(bench({"shares": {"kd": 50, "lm": 30, "layerwise": 20}}))
    assert found.ledger.shares["kd"] == pytest.approx(0.5, abs=0.1)


def test_it_takes_no_step(bench) -> None:
    made = bench()
    before = tiny.weights(made.plan.pair.student)
    opening(made)
    assert torch.equal(before, tiny.weights(made.plan.pair.student))
