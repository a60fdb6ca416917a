from pathlib import Path

import numpy as np
import pytest

from sad_doctor.run import Column, Run
from sad_doctor.signals import lost

STEPS = np.arange(0, 400, 10, dtype=np.float64)
FALLS = np.concatenate((np.linspace(4, 2, 20), np.linspace(3.9, 2, 20))) + 0.01 * (np.arange(40) % 2)


def run_of(**columns):
    told = {name.replace("__", "/"): Column(STEPS[: len(v)], np.asarray(v)) for name, v in columns.items()}
    return Run("run", "test", Path("run"), told)


@pytest.mark.parametrize(("kd", "found"), [(FALLS, True), (np.linspace(3, 1, 40), False)])
def test_a_student_that_is_lost_loses_kd_too(kd, found):
    one = lost(run_of(train__raw__lm=FALLS, train__raw__kd=kd), rise=0.1, nats=0.1, least=0.6)
    assert one is not None
    assert (one.step, one.found) == (200, found)
    assert one.back == pytest.approx(0.9, abs=0.1)


def test_a_loss_that_stays_up_is_not_found():
    stays = np.concatenate((np.linspace(4, 2, 20), np.full(20, 3.9)))
    one = lost(run_of(train__raw__lm=stays), rise=0.1, nats=0.1, least=0.6)
    assert one is not None
    assert not one.found


def test_few_records_say_nothing():
    assert lost(run_of(train__raw__lm=FALLS[:20]), rise=0.1, nats=0.1, least=0.6) is None


@pytest.mark.filterwarnings("error")
def test_a_kd_that_ends_before_the_jump_says_nothing_of_it():
    told = {
        "train/raw/lm": Column(STEPS, FALLS),
        "train/raw/kd": Column(np.linspace(0, 150, 40), np.linspace(2, 1, 40)),
    }
    one = lost(Run("run", "test", Path("run"), told), rise=0.1, nats=0.1, least=0.6)
    assert one is not None
    assert one.found
