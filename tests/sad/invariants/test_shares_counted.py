from types import SimpleNamespace

import pytest

from sad.invariants.shares_counted import STEP_21700, shares_counted


def judged(count):
    return shares_counted(SimpleNamespace(count=count))


def test_the_logged_parts_sum_to_the_logged_total():
    assert sum(STEP_21700.values()) == pytest.approx(177.1419, abs=5e-5)


def test_parts_of_the_whole_hold():
    verdict = judged(lambda parts: {name: part / sum(parts.values()) for name, part in parts.items()})
    assert verdict.holds
    assert verdict.numbers["layerwise"] == pytest.approx(0.906, abs=5e-4)


def test_a_share_of_two_terms_breaks_it():
    verdict = judged(lambda parts: {name: part / (part + parts["kd"]) for name, part in parts.items()})
    assert not verdict.holds
    assert "93.7%" in verdict.says
    assert "90.6%" in verdict.says


def test_a_part_that_is_left_out_breaks_it():
    def without_lm(parts):
        kept = {name: part for name, part in parts.items() if name != "lm"}
        return {name: part / sum(kept.values()) for name, part in kept.items()}

    assert not judged(without_lm).holds


def test_shares_that_are_not_numbers_break_it():
    assert not judged(lambda parts: dict.fromkeys(parts, float("nan"))).holds
