import numpy as np
import pytest

from sad_doctor.example import parse
from sad_doctor.signals import neighbours, noise_share, per_batch


def test_the_series_that_every_batch_gives_anew():
    run = parse("steps: 30\ntrain/loss: 5\ntrain/raw/kd: 1\ntrain/lr: 0.1\neval/loss: 4\nsteps: 5\ntrain/grad_norm: 1")
    assert set(per_batch(run, 20)) == {"train/loss", "train/raw/kd"}


def test_neighbours_are_told_as_a_share():
    assert neighbours(np.array([1.0, 2.0, 1.0, 2.0])) == pytest.approx(1 / 1.5)
    assert neighbours(np.zeros(4)) == neighbours(np.ones(1)) == 0


def test_the_noise_of_a_series_whatever_its_slope():
    noise = np.random.default_rng(0).normal(0, 0.05, 4000)
    assert noise_share(noise + 5) == pytest.approx(0.01, rel=0.1)
    assert noise_share(noise + np.linspace(7, 3, 4000)) == pytest.approx(0.01, rel=0.1)
    assert noise_share(np.sqrt(np.arange(1.0, 100.0))) < 1e-3
    assert np.isnan(noise_share(np.round(np.linspace(4, 3.9, 100), 2)))
    assert np.isnan(noise_share(np.ones(3)))


def test_what_is_printed_coarsely_has_at_most_the_noise_of_two_units():
    smooth = np.round(4 + np.exp(-np.linspace(0, 3, 100)), 3)
    assert np.isnan(noise_share(smooth))
    assert 0 < noise_share(smooth, at_most=True) < 0.0005
    # of a straight line with all its digits nothing was measured
    assert np.isnan(noise_share(np.linspace(9, 8, 40), at_most=True))
