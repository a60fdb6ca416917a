import pytest

from sad.shipped.paths import shipped_paths


def test_the_two_ways_are_the_step_and_the_evaluation():
    paths = shipped_paths()
    training, evaluation = paths.training(), paths.evaluation()
    assert training.requires_grad
    assert not evaluation.requires_grad
    assert training.item() == pytest.approx(evaluation.item(), rel=1e-6)
