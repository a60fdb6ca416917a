"""Weights, shares and the loss: what is on record is what is differentiated, and the controller is slow."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sad.aware.readiness import Readiness
from sad.aware.tokens import Gaps
from sad.batch import Sum
from sad.objective import Ledger, Objective

positive = st.floats(1e-3, 1e3)
NAMES = ("kd", "lm", "layerwise")
values = st.fixed_dictionaries(dict.fromkeys(NAMES, positive))


def sums(totals: dict[str, float], units: dict[str, int]) -> dict[str, Sum]:
    return {n: Sum(torch.tensor(v, requires_grad=True), units[n]) for n, v in totals.items()}


@given(values, values, st.fixed_dictionaries({n: st.integers(1, 500) for n in NAMES}))
def test_the_recorded_parts_sum_to_the_loss_that_is_differentiated(
    weights: dict[str, float], totals: dict[str, float], units: dict[str, int]
) -> None:
    objective = Objective(weights)
    ledger = objective.ledger(totals, units)
    assert ledger.loss == sum(ledger.weighted.values())
    assert ledger.weighted == {n: weights[n] * (totals[n] / units[n]) for n in NAMES}
    given_sums = sums(totals, units)
    part = objective.part(given_sums, units)
    assert float(part.detach()) == pytest.approx(ledger.loss, rel=1e-5)
    part.backward()
    for name, one in given_sums.items():
        assert float(one.total.grad) == pytest.approx(weights[name] / units[name], rel=1e-5)
    # what the passes are told beforehand is what comes to them afterwards
    scales = objective.scales(units)
    assert scales == {name: pytest.approx(float(one.total.grad), rel=1e-5) for name, one in given_sums.items()}


@given(values, st.lists(values, min_size=1, max_size=4))
def test_parts_of_micro_batches_sum_to_the_step(weights: dict[str, float], totals: list[dict[str, float]]) -> None:
    objective, units = Objective(weights), dict.fromkeys(NAMES, 7 * len(totals))
    parts = sum(float(objective.part(sums(t, units), units).detach()) for t in totals)
    whole = {n: sum(t[n] for t in totals) for n in NAMES}
    assert parts == pytest.approx(objective.ledger(whole, units).loss, rel=1e-4)


@given(values)
def test_shares_sum_to_one(weighted: dict[str, float]) -> None:
    ledger = Ledger(weighted, dict.fromkeys(weighted, 1.0))
    assert sum(ledger.shares.values()) == pytest.approx(1.0)
    assert all(0 <= share <= 1 for share in ledger.shares.values())


def test_a_loss_of_nothing_has_no_shares() -> None:
    assert Ledger({"kd": 0.0}, {"kd": 1.0}).shares == {"kd": 0.0}


def test_a_term_without_units_is_left_out() -> None:
    objective = Objective(dict.fromkeys(NAMES, 1.0))
    units = {"kd": 0, "lm": 4, "layerwise": 0}
    totals = {"kd": 0.0, "lm": 8.0, "layerwise": 0.0}
    assert objective.ledger(totals, units).raw == {"lm": 2.0}
    part = objective.part(sums(totals, units), units)
    assert float(part.detach()) == 2.0
    assert part.requires_grad


def test_nothing_at_all_is_zero_and_can_be_differentiated() -> None:
    objective = Objective(dict.fromkeys(NAMES, 1.0))
    units = dict.fromkeys(NAMES, 0)
    given_sums = sums(dict.fromkeys(NAMES, 0.0), units)
    part = objective.part(given_sums, units)
    part.backward()
    assert float(part.detach()) == 0.0
    # on several processes each must have a gradient, though it says nothing
    assert all(s.total.grad is not None for s in given_sums.values())
    assert objective.ledger(dict.fromkeys(NAMES, 0.0), units).loss == 0


def test_a_part_that_is_not_finite_shows() -> None:
    ledger = Objective({"kd": 1.0, "lm": 1.0}).ledger({"kd": math.nan, "lm": 1.0}, {"kd": 1, "lm": 1})
    assert math.isnan(ledger.loss)


SHARES = {"kd": 47.0, "lm": 33.0, "layerwise": 20.0}


def controlled(**more: float) -> Objective:
    return Objective(dict.fromkeys(NAMES, 1.0), SHARES, **more)


def step(objective: Objective, raw: dict[str, float]) -> Ledger:
    ledger = objective.ledger(raw, dict.fromkeys(raw, 1))
    objective.follow(ledger, 0.0)
    return ledger


def test_the_controller_brings_the_shares_to_their_targets() -> None:
    objective, raw = controlled(), {"kd": 3.0, "lm": 5.0, "layerwise": 0.02}
    for _ in range(120):
        step(objective, raw)
    shares = step(objective, raw).shares
    assert {n: round(100 * share, 3) for n, share in shares.items()} == SHARES


@given(values, st.lists(values, min_size=1, max_size=30), st.floats(0.01, 0.3))
def test_no_weight_moves_faster_than_the_rate(
    weights: dict[str, float], raws: list[dict[str, float]], rate: float
) -> None:
    objective = Objective(dict(weights), SHARES, rate=rate)
    for raw in raws:
        before = dict(objective.weights)
        step(objective, raw)
        for name, weight in objective.weights.items():
            assert abs(math.log(weight / before[name])) <= rate + 1e-9
            assert weight > 0
        # the anchor stays, so the loss still falls when its terms do
        assert objective.weights["lm"] == weights["lm"]


def test_one_wild_step_does_not_throw_the_weights() -> None:
    objective, raw = controlled(), {"kd": 1.0, "lm": 1.0, "layerwise": 1.0}
    for _ in range(100):
        step(objective, raw)
    before = dict(objective.weights)
    step(objective, {**raw, "kd": 1e4})
    assert abs(math.log(objective.weights["kd"] / before["kd"])) <= 0.1 + 1e-9


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_values_that_tell_nothing_are_ignored(bad: float) -> None:
    objective = controlled()
    step(objective, {"kd": 1.0, "lm": 2.0, "layerwise": 3.0})
    weights, means = dict(objective.weights), dict(objective.means)
    step(objective, {"kd": bad, "lm": 2.0, "layerwise": 3.0})
    objective.calibrate(objective.ledger({"kd": bad, "lm": 2.0, "layerwise": 3.0}, dict.fromkeys(NAMES, 1)))
    assert (objective.weights, objective.means) == (weights, means)


def test_a_term_without_units_keeps_its_weight_near() -> None:
    objective = controlled()
    for _ in range(60):
        step(objective, {"kd": 3.0, "lm": 5.0, "layerwise": 0.02})
    before = dict(objective.weights)
    objective.follow(
        objective.ledger({"lm": 5.0, "kd": 0.0, "layerwise": 0.0}, {"lm": 1, "kd": 0, "layerwise": 0}), 0.0
    )
    for name, weight in objective.weights.items():
        assert weight == pytest.approx(before[name], rel=0.11)


@given(values)
def test_calibration_meets_the_targets_at_once(raw: dict[str, float]) -> None:
    objective = controlled()
    units = dict.fromkeys(NAMES, 1)
    objective.calibrate(objective.ledger(raw, units))
    shares = objective.ledger(raw, units).shares
    for name, share in shares.items():
        assert 100 * share == pytest.approx(SHARES[name])
    assert objective.weights["lm"] == 1.0


def test_without_targets_the_weights_stay() -> None:
    objective = Objective({"kd": 2.0, "lm": 1.0})
    for _ in range(5):
        ledger = step(objective, {"kd": 9.0, "lm": 1.0})
    objective.calibrate(ledger)
    assert objective.weights == {"kd": 2.0, "lm": 1.0}


def test_without_labels_the_first_term_is_the_anchor() -> None:
    objective = Objective({"kd": 2.0, "layerwise": 1.0}, {"kd": 1.0, "layerwise": 1.0})
    objective.calibrate(objective.ledger({"kd": 3.0, "layerwise": 0.5}, {"kd": 1, "layerwise": 1}))
    assert objective.weights == {"kd": 2.0, "layerwise": 12.0}


def test_no_gradient_flows_through_the_weights() -> None:
    objective = controlled()
    one = sums({"kd": 2.0, "lm": 1.0, "layerwise": 1.0}, dict.fromkeys(NAMES, 1))
    step(objective, {n: float(s.total.detach()) for n, s in one.items()})
    objective.part(one, dict.fromkeys(NAMES, 1)).backward()
    assert all(type(weight) is float for weight in objective.weights.values())
    assert float(one["kd"].total.grad) == pytest.approx(objective.weights["kd"])


def pulling(weights: dict[str, float], norms: dict[str, float]) -> dict[str, float]:
    """Shares of the gradient where a term of weight 1 has these norms."""
    whole = sum(weights[name] * norms[name] for name in norms)
    return {name: weights[name] * norms[name] / whole for name in norms}


def test_the_first_measurement_of_the_gradient_meets_its_targets_and_later_ones_move_slowly() -> None:
    objective, norms = controlled(every=5), {"kd": 3.0, "lm": 5.0, "layerwise": 0.2}
    # the value of the terms says nothing here
    step(objective, {"kd": 3.0, "lm": 5.0, "layerwise": 900.0})
    objective.calibrate(objective.ledger({"kd": 3.0, "lm": 5.0, "layerwise": 9.0}, dict.fromkeys(NAMES, 1)))
    assert objective.weights == dict.fromkeys(NAMES, 1.0)
    objective.steer(pulling(objective.weights, norms))
    found = pulling(objective.weights, norms)
    assert {n: 100 * share for n, share in found.items()} == pytest.approx(SHARES)
    for _ in range(200):
        before = dict(objective.weights)
        objective.steer(pulling(objective.weights, {**norms, "layerwise": 0.05}))
        assert all(abs(math.log(w / before[n])) <= 0.1 + 1e-9 for n, w in objective.weights.items())
    found = pulling(objective.weights, {**norms, "layerwise": 0.05})
    assert {n: 100 * share for n, share in found.items()} == pytest.approx(SHARES, rel=1e-3)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, st.floats(1e-9, 1e9))), min_size=1, max_size=20))
def test_shares_of_the_gradient_never_throw_a_weight_out_of_bounds(norms: list[dict[str, float]]) -> None:
    objective = controlled(every=1)
    for one in norms:
        objective.steer(pulling(objective.weights, one))
        assert objective.weights["lm"] == 1.0
        assert all(1e-4 <= weight <= 1e4 for weight in objective.weights.values())


@pytest.mark.parametrize("bad", [math.nan, 0.0, math.inf])
def test_a_measurement_that_tells_nothing_is_ignored(bad: float) -> None:
    objective = controlled(every=1)
    objective.steer({"kd": bad, "lm": 0.5, "layerwise": 0.5})
    assert (objective.weights, objective.means) == (dict.fromkeys(NAMES, 1.0), {})


def test_a_term_that_waits_enters_with_the_lm_loss_and_its_weight_is_on_record() -> None:
    objective = Objective({"kd": 2.0, "lm": 1.0}, readiness=Readiness({"kd": 2.0}, 0.2, 0.4))
    assert objective.weights == {"kd": 0.0, "lm": 1.0}
    objective.begin(10.0, 5.0)
    objective.begin(1.0, 0.5)
    assert step(objective, {"kd": 3.0, "lm": 8.5}).weight == {"kd": 0.0, "lm": 1.0}
    # progress is 0.3, half of the way
    assert step(objective, {"kd": 3.0, "lm": 12.0}).weight == pytest.approx({"kd": 1.0, "lm": 1.0})
    assert objective.weights["kd"] == pytest.approx(1.0)
    assert Objective({"kd": 1.0}).state() == {}


def test_what_follows_the_student_goes_on_from_a_checkpoint() -> None:
    def made() -> Objective:
        return Objective({"kd": 2.0, "lm": 1.0}, readiness=Readiness({"kd": 2.0}, 0.2, 0.4), gaps=Gaps(1.0, 4.0))

    first, other = made(), made()
    first.begin(10.0, 5.0)
    assert first.gaps is not None
    first.gaps.follow(3.0, 1.0)
    other.recall(first.state())
    assert other.state() == first.state() == {"readiness": first.readiness.state(), "gaps": {"mean": 3.0}}
    other.recall({})
    assert other.state() == made().state()


def test_a_term_that_enters_does_not_raise_the_level_that_spikes_are_judged_by() -> None:
    objective = Objective({"kd": 2.0, "lm": 1.0}, readiness=Readiness({"kd": 2.0, "layerwise": 9.0}, 0.2, 0.4))
    ledger = objective.ledger({"kd": 3.0, "lm": 5.0}, {"kd": 1, "lm": 1})
    assert (ledger.loss, objective.level(ledger)) == (5.0, 11.0)
    assert Objective({"kd": 0.5}).level(ledger) == ledger.loss


@given(st.lists(st.tuples(st.fixed_dictionaries(dict.fromkeys(NAMES, positive)), positive), min_size=2, max_size=8))
def test_what_all_norms_of_a_measurement_were_divided_by_is_nothing(seen: list[tuple[dict[str, float], float]]) -> None:
    one, other = controlled(every=1), controlled(every=1)
    for norms, factor in seen:
        one.steer(norms)
        other.steer({name: factor * norm for name, norm in norms.items()})
        assert one.weights == pytest.approx(other.weights, rel=1e-6)
