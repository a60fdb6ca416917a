"""Evaluators of one stream of ids: right ones are left alone, faulty ones break their property."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.judge.evaluators.stream import LENGTH, costs, ids, rights, size_of
from sad.judge.target import load
from sad.verdict import Standing

FILE = Path(__file__).parent / "streaming_evaluators.py"


@pytest.mark.parametrize("name", load(f"{FILE}:STYLES"))
def test_a_right_one_is_left_alone(name):
    what, lines = strange.judged(FILE, name, "evaluator")
    assert what == "an evaluator of a stream of ids"
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}
    assert lines["token_weighted"].standing is Standing.HOLDS


@pytest.mark.parametrize(("name", "one"), load(f"{FILE}:FAULTS").items())
def test_a_faulty_one_breaks_its_property(name, one):
    _, lines = strange.judged(FILE, name, "evaluator", (one,))
    assert lines[one].standing is Standing.BROKEN


def test_the_last_window_is_short_and_costs_more():
    assert ids().shape == (1, size_of(LENGTH))
    assert size_of(LENGTH) % LENGTH
    assert costs()[-4:].mean() > 2 * costs()[:-5].mean()
    assert len(set(rights().values())) == 4
