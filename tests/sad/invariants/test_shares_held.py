from types import SimpleNamespace

import pytest

from sad.data import collate
from sad.invariants.shares_held import PLANTED, STEPS, TARGETS, Trained, planted_pair, shares_held
from sad.models.forward import run
from sad.tiny import plan


def judged(*steps, weights=()):
    return shares_held(SimpleNamespace(train=lambda _pair, _targets: Trained(steps, weights)))


def test_parts_at_their_targets_hold():
    assert judged(*[{name: 25 * share for name, share in TARGETS.items()}] * STEPS).holds


def test_only_the_last_third_counts():
    right = {name: 25 * share for name, share in TARGETS.items()}
    wrong = right | {"layerwise": 500.0}
    assert judged(right, *[wrong] * (STEPS - STEPS // 3 - 1), *[right] * (STEPS // 3)).holds
    assert not judged(*[right] * (STEPS - STEPS // 3), *[wrong] * (STEPS // 3)).holds


def test_a_term_that_is_off_is_named_with_its_share():
    verdict = judged(*[{"kd": 10.0, "layerwise": 160.0, "lm": 2.6, "contrastive": 0.02}] * STEPS)
    assert not verdict.holds
    assert verdict.says == "layerwise 92.7% of the loss, wanted 27%"


def test_a_missing_term_breaks_it():
    assert not judged(*[{"kd": 5.0, "layerwise": 3.0, "lm": 2.0}] * STEPS).holds


def test_a_training_that_ends_early_breaks_it():
    assert not judged(*[dict(TARGETS)] * (STEPS - 1)).holds


def test_a_loss_that_is_not_a_number_breaks_it():
    assert not judged(*[dict(TARGETS) | {"kd": float("nan")}] * STEPS).holds


def test_the_planted_activation_is_in_the_last_block_at_position_0_only():
    pair = planted_pair()
    batch = collate(plan().train[:2], pair.readers)
    states = run(pair.teacher, batch.teacher, [1, 2]).blocks
    assert (states[2][:, 0].amax(-1) == PLANTED).all()
    assert states[2][:, 1:].abs().max() < PLANTED / 50
    assert states[1].abs().max() < PLANTED / 50


RIGHT = [{name: 25 * share for name, share in TARGETS.items()}] * STEPS


def test_shares_that_begin_elsewhere_break_it():
    assert judged(RIGHT[0] | {"layerwise": 500.0}, *RIGHT[1:]).says.startswith("kd begins with ")


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([{"kd": 2.0, "lm": 1.0}, {"kd": 2.2, "lm": 1.0}, {"kd": 2.0, "lm": 1.0}], ""),
        ([{"kd": 2.0, "lm": 1.0}, {"kd": 2.3, "lm": 1.0}], "the weight of kd changes by a factor of 1.15"),
        ([{"kd": 2.0, "lm": 1.0}, {"kd": 1.7, "lm": 1.0}], "the weight of kd changes by a factor of 0.85"),
        ([{"kd": 2.0, "lm": 1.0}, {"kd": 2.0, "lm": 1.01}], "the weight of lm moves from 1 to 1.01"),
    ],
)
def test_weights_that_jump_or_an_anchor_that_moves_break_it(weights, says):
    verdict = judged(*RIGHT, weights=weights)
    assert verdict.holds == (not says)
    assert says in verdict.says
