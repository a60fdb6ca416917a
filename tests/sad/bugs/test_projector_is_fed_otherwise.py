from dataclasses import replace

import pytest

from sad.bugs.projector_is_fed_otherwise import BUG
from sad.distiller import Distiller
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    (verdict,) = found.reproduced
    assert abs(verdict.numbers["cosine"]) < 0.1
    assert verdict.numbers["evaluation"] > 5 * verdict.numbers["training"]


def test_an_evaluation_of_other_states_is_found(monkeypatch, found_in_the_code_that_trains):
    def view(self, *given, shipped=Distiller.view):
        made = shipped(self, *given)
        if not self.training:
            made.student = replace(made.student, blocks={k: s.roll(1, dims=1) for k, s in made.student.blocks.items()})
        return made

    monkeypatch.setattr(Distiller, "view", view)
    assert "the cosine of the projector's inputs in training and evaluation is " in found_in_the_code_that_trains(BUG)


@pytest.mark.parametrize("shift", [1e-3, 0.5])
def test_an_evaluation_of_other_teacher_states_is_found(monkeypatch, found_in_the_code_that_trains, shift):
    def ask(self, batch, shipped=Distiller.ask_teacher):
        asked = shipped(self, batch)
        if not self.training:
            asked.blocks.update({k: s + shift * s.roll(1, dims=-1) for k, s in asked.blocks.items()})
        return asked

    monkeypatch.setattr(Distiller, "ask_teacher", ask)
    assert " in evaluation of one batch" in found_in_the_code_that_trains(BUG)
