import pytest
import torch

from sad.subjects.kept import AveragingRun


def test_the_average_is_saved_under_its_own_score():
    kept = AveragingRun().run()
    (claim,) = kept.claims
    assert kept.score(claim.saved) == claim.told
    assert kept.score(kept.start) > 10 * claim.told


def test_the_average_scores_better_than_what_it_averages():
    kept = AveragingRun().run()
    assert kept.score(kept.scored) < kept.score(kept.last)


@pytest.mark.parametrize(("step", "decay"), [(0, 0.1), (8, 0.5), (10**6, 0.95)])
def test_the_start_is_soon_forgotten(step, decay):
    assert AveragingRun().decay_at(step) == pytest.approx(decay)


def test_evaluating_leaves_the_training_alone():
    run = AveragingRun()
    run.average = run.average + 1
    before = run.weight.clone()
    scored = run.evaluate()
    assert torch.equal(run.weight, before)
    assert torch.equal(scored, run.average)
