from __future__ import annotations

import torch

from sad import tiny
from sad.preflight.examine import EXAMINATIONS, examine
from sad.preflight.finding import Finding, Level


def test_every_examination_has_a_name_of_its_own() -> None:
    assert len({one.__name__ for one in EXAMINATIONS}) == len(EXAMINATIONS) == 14


def test_one_that_raises_says_so_and_ends_nothing(bench) -> None:
    def broken(made):
        yield Finding("broken", Level.FINE, "begun")
        with torch.no_grad():
            made.plan.pair.student.get_input_embeddings().weight.zero_()
        raise RuntimeError("a shape\nof many lines")

    def sound(_):
        yield Finding("sound", Level.FINE, "well")

    made, told = bench(), []
    before = tiny.weights(made.plan.pair.student)
    found = list(examine(made, told.append, (broken, sound)))
    assert told == ["broken", "sound"]
    assert [f.level for f in found] == [Level.FINE, Level.WRONG, Level.FINE]
    assert found[1].says == "could not be examined: RuntimeError: a shape"
    assert torch.equal(before, tiny.weights(made.plan.pair.student))
