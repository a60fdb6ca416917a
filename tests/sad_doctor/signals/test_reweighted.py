import numpy as np
import pytest

from sad_doctor.run import Column, Run
from sad_doctor.signals import reweighted

STEP = np.arange(1.0, 101)
KD = 2 + 0.1 * np.random.default_rng(1).normal(size=100)
LM = 4 + 0.1 * np.random.default_rng(2).normal(size=100)


def run(total):
    columns = {"train/raw/kd": KD, "train/raw/lm": LM, "train/loss": total}
    return Run("", "", "", columns={name: Column(STEP, value) for name, value in columns.items()})


def test_where_and_by_what_the_weights_change():
    found = reweighted(run(np.where(STEP < 41, 0.5 * KD + 0.5 * LM, 1.5 * KD + 0.1 * LM)))
    assert found is not None
    assert found.step == 41
    assert found.before == pytest.approx({"kd": 0.5, "lm": 0.5})
    assert found.after == pytest.approx({"kd": 1.5, "lm": 0.1})
    assert found.times is None


def test_one_factor_of_all():
    found = reweighted(run((0.5 * KD + 0.5 * LM) * np.where(STEP < 41, 1, 8)))
    assert found is not None
    assert found.times == pytest.approx(8)


@pytest.mark.parametrize(
    "total",
    [
        0.5 * KD + 0.5 * LM,
        (0.5 + STEP / 100) * KD + 0.5 * LM,  # a weight that goes up step by step
        np.where(STEP == 50, 9, 0.5 * KD + 0.5 * LM),  # one bad record
        LM + np.random.default_rng(3).normal(size=100),
    ],
)
def test_no_change_at_one_record(total):
    assert reweighted(run(total)) is None
