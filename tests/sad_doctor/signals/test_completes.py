from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.signals import completed

STEP = np.arange(10.0, 410.0, 10.0)


def _log(weights=(1.0, 0.5, 0.25), name="hid", **more):
    """A log by hand: the total, kd and ce, and a third part under another name."""
    luck = np.random.default_rng(3)
    kd, ce = (level * np.exp(-STEP / 300) + luck.normal(0, 0.05, STEP.size) for level in (2.0, 5.0))
    third = 1.9 + luck.normal(0, 0.05, STEP.size)
    total = weights[0] * kd + weights[1] * ce + weights[2] * third
    told = {names.LOSS: total, names.RAW + "kd": kd, names.RAW + "ce": ce, name: third, **more}
    return Run("a log", "test", Path("log"), {one: Column(STEP, np.round(value, 4)) for one, value in told.items()})


@pytest.mark.parametrize(
    ("name", "term"), [("hid", names.LAYERWISE), ("loss_mse", "mse"), ("rkd", "rkd"), ("hs_loss", names.LAYERWISE)]
)
def test_a_column_without_which_the_total_is_not_to_be_had_is_a_term(name, term):
    run = completed(_log(name=name))
    assert set(run.terms(names.RAW)) == {"kd", "ce", term}
    assert name not in run.columns


def test_one_that_the_total_does_not_need_stays_what_it_is():
    run = _log(weights=(1.0, 0.5, 0.0))
    assert completed(run) is run


@pytest.mark.parametrize("weight", [-0.5, 0.25])
def test_a_column_beside_a_total_that_is_of_something_else(weight):
    """A negative weight is no proof, and neither is a column that has nothing to do with what is missing."""
    run = _log(weights=(1.0, 0.5, weight))
    other = {n: c for n, c in run.columns.items() if n != "hid"}
    noise = Column(STEP, np.random.default_rng(9).normal(1, 0.1, STEP.size))
    run = run if weight < 0 else replace(run, columns={**other, "speed": noise})
    assert completed(run) is run


def test_the_total_under_another_name_is_no_part():
    run = _log(weights=(1.0, 0.5, 0.25))
    told = {n: c for n, c in run.columns.items() if n != "hid"}
    run = replace(run, columns={**told, "smooth": run.columns[names.LOSS], "again": run.columns[names.LOSS]})
    assert completed(run) is run


@pytest.mark.parametrize("column", [names.WEIGHT + "kd", names.WEIGHTED + "kd"])
def test_a_log_that_tells_weights_needs_no_guess(column):
    run = _log(**{column: np.ones(STEP.size)})
    assert completed(run) is run


def test_few_records_prove_nothing():
    run = _log()
    run = replace(run, columns={n: Column(c.step[:8], c.value[:8]) for n, c in run.columns.items()})
    assert completed(run) is run
