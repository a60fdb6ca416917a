"""The ways of the grid do what they say, whatever the part, and the parts send their values through them."""

from __future__ import annotations

import pytest
import torch
from planted import grid_evaluated, grid_machine, grid_rate, grid_update, grid_written, ways
from planted.record import Plan
from planted.training import Training
from planted.worlds import GROUPS, LOOP_GRID

from sad_doctor import names

pytestmark = pytest.mark.usefixtures("raw_teacher")
TINY = Plan(vocabulary=24, width=8, teacher_width=8, length=6, batch=2, steps=12, every=1, evaluate_every=2, texts=16)
PAST = [1.0, -2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("of", [list, lambda past: [torch.full((2, 3), value) for value in past]])
@pytest.mark.parametrize(
    ("way", "gives"),
    [
        (ways.missing, 0),
        (ways.turned, -5),
        (ways.constant, 1),
        (ways.never_reset, 11),
        (ways.scaled(3.0), 15),
        (ways.delayed(2), 3),
        (ways.delayed(9), 1),
        (ways.held(2), 5),
        (ways.held(3), 4),
        (ways.reset_every(2), 5),
        (ways.reset_every(3), 9),
        (ways.saturated(-2.0, 2.0), 2),
        (ways.drifting(4.0), 10),
        (ways.now_and_then(ways.turned, lambda count: count == 5), -5),
        (ways.now_and_then(ways.turned, lambda count: count == 4), 5),
        (ways.since(0.5, ways.missing), 0),
        (ways.since(0.6, ways.missing), 5),
        (ways.until(0.6, ways.missing), 0),
        (ways.until(0.5, ways.missing), 5),
    ],
)
def test_a_way_of_numbers_is_one_of_tensors(way, gives, of):
    found = way(of(PAST), 0.5)
    if isinstance(found, torch.Tensor):
        assert found.shape == (2, 3)
        found = found[0, 0]
    assert float(found) == pytest.approx(gives)


def test_what_was_last_seen_is_kept_for_each_part():
    way, one, other = ways.last_seen(0.5), [1.0], [7.0]
    assert (way(one, 0.2), way(other, 0.2)) == (1, 7)
    one.append(2.0)
    other.append(8.0)
    assert (way(one, 0.6), way(other, 0.6)) == (1, 7)


def test_noise_is_as_large_as_it_says():
    torch.manual_seed(0)
    true = torch.randn(200, 200)
    added = ways.noisy(3.0)([true], 0.5) - true
    assert float(added.square().mean().sqrt()) == pytest.approx(3.0 * float(true.square().mean().sqrt()), rel=0.05)


def test_the_coin_halves_the_grid_for_good():
    one, other = ways.tossed(LOOP_GRID, "a seed")
    assert ways.tossed(LOOP_GRID, "a seed") == (one, other)
    assert set(one) | set(other) == set(LOOP_GRID)
    assert not set(one) & set(other)
    assert set(GROUPS["grid2-tuned"]) | set(GROUPS["grid2-judged"]) == set(LOOP_GRID)


def test_gradients_weights_and_rates_go_through_their_ways():
    assert set(grid_update.GradientMostlyMissing(TINY).run().column(names.GRAD_NORM)[1:7]) == {0.0}
    saturated = grid_update.WeightsSaturated(TINY)
    saturated.run()
    assert max(float(p.detach().abs().max()) for p in saturated.student.parameters()) <= 0.01 + 1e-7
    assert min(grid_rate.RateNegative(TINY).run().column(names.LEARNING_RATE)) < 0
    rates = grid_rate.RateSummed(TINY).run().column(names.LEARNING_RATE)
    assert rates == sorted(rates)


def test_what_is_written_and_evaluated_goes_through_its_way_and_the_rest_stays():
    healthy, turned = Training(TINY).run(), grid_written.LossTurned(TINY).run()
    assert max(turned.column(names.LOSS)) < 0
    assert turned.column(names.EVAL_LOSS) == healthy.column(names.EVAL_LOSS)
    late = grid_evaluated.EvaluationDelayed(TINY).run().column(names.EVAL_LM_LOSS)
    assert late[3:] == healthy.column(names.EVAL_LM_LOSS)[: len(late) - 3]
    ppl = grid_evaluated.PerplexityDelayed(TINY).run()
    assert ppl.column(names.EVAL_LOSS) == healthy.column(names.EVAL_LOSS)
    assert ppl.column(names.EVAL_PERPLEXITY)[1:] == healthy.column(names.EVAL_PERPLEXITY)[:-1]


def test_a_resume_puts_in_other_weights_and_a_healthy_one_does_not():
    one, other = grid_machine.ResumedScaled(TINY), grid_machine.WarmedAnewAtResume(TINY)
    assert [kind for kind, _, _ in one.run().events].count(names.EVENT_RESUME) == 1
    assert not grid_machine.WarmedAnewAtResume.took(other.run())
    assert not other.sick
