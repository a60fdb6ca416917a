"""V413, and faults of what follows the student, planted in the code that trains."""

import pytest

from sad.aware.layers import LayerMap
from sad.aware.readiness import Readiness
from sad.aware.tokens import Gaps
from sad.bugs.curriculum_counts_steps import BUG
from sad.invariants.objective_follows_the_student import objective_follows_the_student
from sad.objective import Objective
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (outcome,) = run([BUG])
    assert outcome.caught
    assert outcome.absent
    assert outcome.reproduced[0].says.startswith("terms that wait: loss is")
    assert outcome.fixed[0].says.startswith("417 numbers and gradients follow the student")


def nothing(*_):
    return None


def first(_map, _pair, blocks):
    return blocks[0].float()


@pytest.mark.parametrize(
    ("of", "name", "faulty", "says"),
    [
        (Gaps, "begin", nothing, "far places first: the gradient of"),
        (Readiness, "recall", nothing, "terms that wait, taken up after step 2"),
        (LayerMap, "forward", first, "raw layerwise is"),
        (Objective, "steer", nothing, "shares of the gradient: loss is"),
    ],
)
def test_it_is_found(monkeypatch, of, name, faulty, says):
    monkeypatch.setattr(of, name, faulty)
    verdict = objective_follows_the_student(BUG.fixed())
    assert not verdict.holds
    assert says in verdict.says
