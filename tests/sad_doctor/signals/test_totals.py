from pathlib import Path

import numpy as np

from sad_doctor import names, signals
from sad_doctor.run import Column, Run

STEPS = np.arange(0.0, 400.0, 2.0)
AT = np.arange(40.0, 400.0, 40.0)


def evaluated(values):
    return Column(AT, np.asarray(values, dtype=float))


def terms(kd: float, lm: float) -> Run:
    parts = {"kd": kd * np.exp(-STEPS / 300), "lm": lm * np.exp(-STEPS / 900)}
    weighted = {names.WEIGHTED + term: Column(STEPS, value) for term, value in parts.items()}
    told = {names.LOSS: Column(STEPS, parts["kd"] + parts["lm"]), **weighted}
    return Run("run", "test", Path("run"), told)


def test_an_evaluation_that_adds_itself_up():
    level = np.linspace(3.0, 2.0, 9)
    assert signals.adds_itself(evaluated(np.cumsum(level)), level)
    assert not signals.adds_itself(evaluated(level), level)


def test_the_total_of_one_part_alone():
    made = signals.made_of(terms(1.0, 3.0), evaluated(np.exp(-AT / 300)), 0.08, 0.05)
    assert made is not None
    assert (made.terms, made.out, made.weighted) == (("kd",), ("lm",), True)


def test_the_total_of_all_parts_lacks_none():
    whole = np.exp(-AT / 300) + 3 * np.exp(-AT / 900)
    assert signals.made_of(terms(1.0, 3.0), evaluated(whole), 0.08, 0.05) is None


def test_one_that_no_parts_sum_to_says_nothing():
    assert signals.made_of(terms(1.0, 3.0), evaluated(9 + AT / 400), 0.08, 0.05) is None
