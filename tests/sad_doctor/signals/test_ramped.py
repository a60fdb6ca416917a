import numpy as np
import pytest

from sad_doctor import names, signals
from sad_doctor.example import parse
from sad_doctor.run import Column

STEP = np.arange(1.0, 61)


def run(kd_weight, lm_weight=0.5, off=0.0):
    random = np.random.default_rng(2)
    kd, lm = np.linspace(2, 1, 60) + 0.1 * random.normal(size=60), np.linspace(4, 3, 60) + 0.1 * random.normal(size=60)
    loss = kd_weight * kd + lm_weight * lm + off * random.normal(size=60)
    found = parse("steps: 1, 2\ntrain/loss: 1, 2")
    found.columns.update(
        {names.LOSS: Column(STEP, loss.round(4)), "train/raw/kd": Column(STEP, kd), "train/raw/lm": Column(STEP, lm)}
    )
    return found


def test_the_weight_that_moves_and_the_one_that_stands():
    found = signals.ramped(run(STEP / 60))
    assert (found.term, found.beside, found.constant) == ("kd", "lm", pytest.approx(0.5, abs=0.01))
    assert (found.first, found.last) == (pytest.approx(0.1, abs=0.05), pytest.approx(0.9, abs=0.05))
    assert signals.ramped(run(1.0, 1 - STEP / 80)).term == "lm"


@pytest.mark.parametrize(
    ("weight", "off"), [(1.0, 0.0), (STEP / 60, 0.1), (1 + 0.05 * STEP / 60, 0.0), (1 + (STEP > 30), 0.0)]
)
def test_constant_weights_another_term_and_a_step(weight, off):
    assert signals.ramped(run(weight, off=off)) is None
