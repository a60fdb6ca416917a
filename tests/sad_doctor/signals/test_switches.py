import numpy as np
import pytest

from sad_doctor.example import parse
from sad_doctor.run import Column
from sad_doctor.signals import Jump, Switch, jump_at, staged, switches


def _run(name, values):
    steps = ", ".join(str(i) for i in range(1, len(values) + 1))
    return parse(f"steps: {steps}\n{name}: {', '.join(map(str, values))}")


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("stage", [1] * 5 + [2] * 5, [(6, 1, 2)]),
        ("train/raw/kd", [0] * 5 + [3, 2.9, 2.8, 2.7, 2.6], [(6, 0, 3)]),
        ("train/raw/kd", [3, 2.9, 2.8, 2.7, 2.6] + [0] * 5, [(6, 2.6, 0)]),
        ("stage", [1] * 5 + [2] * 4, []),
        ("noise", list(range(20)), []),
        ("train/lr", [1] * 5 + [2] * 5, []),
        ("eval/kl", [1] * 5 + [2] * 5, []),
        ("same", [1] * 20, []),
    ],
)
def test_switches(name, values, told):
    assert switches(_run(name, values)) == [Switch(step, name, *sides) for step, *sides in told]


def test_a_jump_is_of_medians_on_both_sides():
    column = Column(np.arange(10.0), np.array([1, 1, 9, 1, 1, 5, 5, 0, 5, 5.0]))

    assert jump_at(column, 4.5) == Jump(5, 1, 5)
    assert jump_at(column, 0) is None
    assert jump_at(column, 9) is None


def test_a_stage_is_a_setting_and_a_weight_is_none():
    assert staged(_run("stage", [1] * 5 + [2] * 5), 6)
    assert not staged(_run("stage", [1] * 5 + [2] * 5), 5)
    assert not staged(_run("train/weight/kd", [1] * 5 + [0] * 5), 6)
