import math
from dataclasses import replace

import pytest
import torch

from sad.subjects.divergence import Contract, Divergence, Kind, Reduction, Squared, Takes
from sad.subjects.probe.compare import apart, difference, noise, recognised
from sad.subjects.probe.inputs import ORDINARY, call
from sad.subjects.probe.measure import Measured
from sad.subjects.probe.reference import reference

CONTRACT = Contract(takes=frozenset({Takes.LABELS, Takes.TEMPERATURE}))
CALL = call(CONTRACT)
RIGHT = reference(CONTRACT, CALL)


def got(value=1.0, gradient=1.0):
    """What is right, with value and gradient multiplied."""
    return Measured(value * RIGHT.value, gradient * RIGHT.gradient)


def test_what_is_right_has_no_difference():
    assert difference(CONTRACT, CALL, got(), RIGHT) == ""
    assert difference(CONTRACT, CALL, got(1 + 5e-6, 1 - 5e-6), RIGHT) == ""


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (got(value=2.0), "(x 2)"),
        (got(value=1.001), "value 1.0"),
        (got(value=math.nan), "value nan, right 1.0"),
        (got(value=math.inf), "value inf"),
        (got(gradient=0.25), "gradient 0.25 x right"),
        (got(gradient=-1.0), "gradient -1 x right"),
        (got(gradient=0.0), "no gradient, right is one of norm"),
        (got(gradient=math.nan), "the gradient is not finite, the value is"),
        (Measured(RIGHT.value, RIGHT.gradient.flip(0)), "gradient off by"),
        (Measured(math.nan, RIGHT.gradient, raised="ValueError: no"), "it raises ValueError: no"),
    ],
)
def test_a_difference_is_said(found, says):
    assert says in difference(CONTRACT, CALL, found, RIGHT)


def test_infinity_equals_itself_alone():
    infinite = replace(RIGHT, value=math.inf)
    assert difference(CONTRACT, CALL, got(value=math.inf), infinite) == ""
    assert "value 1.0" in difference(CONTRACT, CALL, got(), infinite)


def test_a_gradient_where_none_is_due():
    nothing = replace(RIGHT, gradient=torch.zeros_like(RIGHT.gradient))
    assert "right is none" in difference(CONTRACT, CALL, got(), nothing)


def test_noise_grows_with_logits_and_half_precision_alone():
    ordinary = noise(CONTRACT, CALL, RIGHT)
    large = replace(CALL, student_logits=60 * CALL.student_logits)
    assert noise(CONTRACT, large, RIGHT).value > 10 * ordinary.value
    rounded = replace(CALL, student_logits=CALL.student_logits.bfloat16())
    assert noise(CONTRACT, rounded, RIGHT).gradient > 100 * ordinary.gradient
    # a KL of 0.001 may not be off by a twentieth
    assert ordinary.value < 5e-5
    assert ordinary.gradient < 1e-3 * float(RIGHT.gradient.norm())


def test_two_results_are_told_apart():
    assert apart(CONTRACT, CALL, got(), got(), RIGHT) == ""
    assert "else 1.0" in apart(CONTRACT, CALL, got(), got(value=2.0))
    raised = Measured(math.nan, RIGHT.gradient, raised="ValueError: no")
    assert apart(CONTRACT, CALL, raised, raised) == ""
    assert "ValueError" in apart(CONTRACT, CALL, got(), raised)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"reduction": Reduction.SUM}, "it is the sum"),
        ({"reduction": Reduction.ROWS}, "it is the mean over all rows"),
        ({"squared": Squared.BOTH}, "the temperature's square is on value and gradient"),
        ({"kind": Kind.REVERSE_KL}, "it is reverse KL, mean over the rows that count"),
        ({"kind": Kind.JSD, "reduction": Reduction.BATCH}, "it is generalised JSD, sum over the number of sequences"),
        ({"entropy": False}, "it leaves out the teacher's entropy"),
        ({"shift": True}, "rows are judged by another label"),
    ],
)
def test_what_was_probably_written_is_named(changes, says):
    written = reference(replace(CONTRACT, **changes), CALL)
    divergence = Divergence(CONTRACT, lambda given: given.student_logits.sum())
    assert recognised(divergence, CALL, Measured(written.value, written.gradient)) == says


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": None}, "labels have no effect"),
        ({"temperature": 1.0}, "the temperature has no effect"),
        ({"temperature": 4.0}, "the temperature is applied twice"),
    ],
)
def test_an_argument_without_effect_is_named(changes, says):
    written = reference(CONTRACT, replace(CALL, **changes))
    divergence = Divergence(CONTRACT, lambda given: given.student_logits.sum())
    assert recognised(divergence, CALL, Measured(written.value, written.gradient)) == says


def test_nothing_is_named_where_nothing_fits():
    divergence = Divergence(CONTRACT, lambda given: given.student_logits.sum())
    assert recognised(divergence, CALL, got(value=1.37)) == ""
    assert recognised(divergence, CALL, got(value=math.nan)) == ""
    other = Divergence(Contract(Kind.OTHER), divergence.loss)
    assert recognised(other, CALL, got()) == ""
    assert ORDINARY.batch == 3
