import pytest

from sad.bugs.teacher_pass_stops_dropout import BUG
from sad.distiller import Distiller
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says.startswith("after the teacher's pass 4 of 5 modules of the student have left")
    (attempt,) = found.attempts["train() after the pass"]
    assert attempt.says == "after the teacher's pass 1 modules are in training mode that were not"
    (variant,) = found.variants["the teacher answers with dropout"]
    assert variant.says.startswith("the teacher's pass: two answers to one text differ by ")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda distiller: distiller.eval(), "have left training mode"),
        (lambda distiller: distiller.train(), "1 modules are in training mode that were not"),
        (lambda distiller: distiller.teacher.train(), "the teacher's pass: two answers to one text differ by "),
    ],
)
def test_a_teachers_pass_that_changes_modes_is_found(monkeypatch, found_in_the_code_that_trains, spoil, says):
    def ask(self, batch, shipped=Distiller.ask_teacher):
        spoil(self)
        return shipped(self, batch)

    monkeypatch.setattr(Distiller, "ask_teacher", ask)
    assert says in found_in_the_code_that_trains(BUG)


def test_an_evaluation_that_leaves_the_student_asleep_is_found(monkeypatch, found_in_the_code_that_trains):
    """It notes no mode before it puts the distiller to sleep."""
    shipped = Distiller.modules
    monkeypatch.setattr(Distiller, "modules", lambda self: iter(()) if self.training else shipped(self))
    assert "after an evaluation " in found_in_the_code_that_trains(BUG)
