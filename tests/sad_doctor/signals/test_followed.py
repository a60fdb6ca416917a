from pathlib import Path

import numpy as np
import pytest

from sad_doctor import names, signals
from sad_doctor.run import Column, Run

STEPS = np.arange(0.0, 200.0, 2.0)
FALLS = Column(STEPS, 4 * np.exp(-STEPS / 200))


def evaluated(*values: float) -> Column:
    return Column(np.linspace(20, 200, len(values)), np.array(values))


def run(epoch: float = 1.0, **columns: Column) -> Run:
    told = {names.LOSS: FALLS, names.EPOCH: Column(STEPS, epoch * STEPS / STEPS[-1])}
    told |= {name.replace("__", "/"): column for name, column in columns.items()}
    return Run("run", "test", Path("run"), told)


@pytest.mark.parametrize(
    ("values", "sharp"), [((3.52917, 3.4183, 3.39021), True), ((3.5, 3.4, 3.3), False), ((3.5291,) * 6, True)]
)
def test_digits_tell_two_evaluations_apart(values, sharp):
    found = signals.student_evaluated(run(eval__lm_loss=evaluated(*values)), 3, 5)
    assert found is not None
    assert (found[0], found[2]) == (names.EVAL_LM_LOSS, sharp)


def test_a_clamped_perplexity_tells_nothing_of_the_student():
    assert signals.student_evaluated(run(eval__perplexity=evaluated(*[float(np.exp(20))] * 4)), 3, 5) is None


def test_what_was_learned_is_the_label_loss_or_a_total_without_parts():
    both = {"train__raw__kd": FALLS, "train__raw__lm": FALLS}
    assert signals.learned(run())[0] == names.LOSS
    assert signals.learned(run(**both))[0] == names.RAW + "lm"
    assert signals.learned(run(train__raw__kd=FALLS)) is None


def test_a_perplexity_is_compared_by_its_logarithm():
    name, column = signals.as_loss(names.EVAL_PERPLEXITY, evaluated(float(np.exp(2)), float(np.exp(3))))
    assert (name, column.value.tolist()) == (names.EVAL_LM_LOSS, pytest.approx([2, 3]))


@pytest.mark.parametrize(
    ("values", "epoch", "never"),
    [
        ((3.9, 3.95, 3.92, 3.96, 3.93), 1.0, True),
        ((3.9, 3.5, 3.1, 2.8, 2.6), 1.0, False),  # follows
        ((3.9, 3.95, 3.92, 3.96, 3.93), 4.0, False),  # texts seen again may be known by heart
        ((9.0, 9.1, 9.0, 9.1, 9.0), 1.0, False),  # another level from the start
        ((3.9, 3.95, 3.92), 1.0, False),  # too few
    ],
)
def test_one_that_never_came_down(values, epoch, never):
    told = run(epoch, eval__lm_loss=evaluated(*values))
    assert signals.never_came_down(told, evaluated(*values), (names.LOSS, FALLS), 3, 0.05) is never


@pytest.mark.parametrize(
    ("name", "beside", "never"),
    [
        (names.WEIGHTED + "lm", {}, True),
        (names.RAW + "lm", {}, False),
        # two terms that add up to the total are after their weights, whatever they are called
        (names.RAW + "lm", {"train__raw__lm": 0.4, "train__raw__kd": 0.6}, True),
        (names.RAW + "lm", {"train__raw__lm": 0.4, "train__raw__kd": 0.6, "train__weight__kd": 1.0}, False),
    ],
)
def test_the_level_of_a_term_after_its_weight_says_nothing(name, beside, never):
    stands = evaluated(9.0, 9.1, 9.0, 9.1, 9.0)
    told = run(**{term: Column(STEPS, share * FALLS.value) for term, share in beside.items()})
    assert signals.never_came_down(told, stands, (name, FALLS), 3, 0.05) is never
