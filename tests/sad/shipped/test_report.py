import math

from sad.invariants.parts_reported import Part
from sad.shipped.report import report


def test_it_reads_the_record_that_a_step_leaves():
    told = report()({"lm": Part(6.0, 2, 0.5), "kd": Part(1.0, 4, 2.0), "layerwise": Part(0.0, 0, 1.0)})
    assert told.loss == 2.0
    assert told.raw == {"lm": 3.0, "kd": 0.25}
    assert told.weight == {"lm": 0.5, "kd": 2.0}
    assert told.weighted == {"lm": 1.5, "kd": 0.5}
    assert told.shares == {"lm": 0.75, "kd": 0.25}


def test_what_is_not_finite_stays_so():
    assert report()({"lm": Part(math.inf, 2, 0.5)}).raw == {"lm": math.inf}
    assert math.isnan(report()({"lm": Part(math.nan, 2, 0.5)}).loss)
