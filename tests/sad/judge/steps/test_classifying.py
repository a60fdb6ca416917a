"""A trainer whose program fetches classifiers gets examples of one class each."""

from __future__ import annotations

from pathlib import Path

import strange

from sad.judge.judging import Code
from sad.judge.steps.library import Library
from sad.judge.steps.sources import module_source
from sad.judge.target import load
from sad.verdict import Standing

HERE = Path(__file__).parent


def test_a_trainer_of_classifiers_is_right_with_a_mean_over_examples():
    _, lines = strange.judged(HERE / "classifying_steps.py", "Classifies", "step", ("text_length", "can_be_called"))
    assert {name: line.standing for name, line in lines.items()} == dict.fromkeys(lines, Standing.HOLDS)
    assert len(lines) == 2


def test_it_is_told_by_what_its_module_fetches():
    made = Library(Code(load(f"{HERE / 'classifying_steps.py'}:Classifies")))
    assert made.classifies
    assert any("a class each" in one for one in made.assumed())
    assert not Library(Code(load(f"{HERE / 'own_arguments.py'}:WithTeacher"))).classifies
    assert module_source(Code(None)) == ""
