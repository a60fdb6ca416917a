import numpy as np
import pytest

from sad_doctor.example import parse
from sad_doctor.signals import neighbours, per_batch, smooth


def test_the_series_that_every_batch_gives_anew():
    run = parse("steps: 30\ntrain/loss: 5\ntrain/raw/kd: 1\ntrain/lr: 0.1\neval/loss: 4\nsteps: 5\ntrain/grad_norm: 1")
    assert set(per_batch(run, 20)) == {"train/loss", "train/raw/kd"}


def test_neighbours_are_told_as_a_share():
    assert neighbours(np.array([1.0, 2.0, 1.0, 2.0])) == pytest.approx(1 / 1.5)
    assert neighbours(np.zeros(4)) == neighbours(np.ones(1)) == 0


def test_noise_is_not_smooth_and_a_curve_is():
    noise = np.random.default_rng(0).normal(size=4000)
    assert smooth(noise) == pytest.approx(np.sqrt(3), rel=0.05)
    assert smooth(np.sqrt(np.arange(1.0, 100.0))) < 0.1
    assert np.isnan(smooth(np.round(np.linspace(4, 3.9, 100), 2)))
    assert np.isnan(smooth(np.ones(3)))
