import pytest

from sad.bugs.teacher_logits_shifted import BUG
from sad.terms import View, teacher
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    for (verdict,) in (found.reproduced, found.variants["the student moved"]):
        assert verdict.says == "17 of 17 places are compared with another place of the teacher (padded)"
    (unshifted,) = found.variants["labels not shifted"]
    assert unshifted.says == "3 of 18 places that predict a completion are not compared (padded)"


@pytest.mark.parametrize("by", [-1, 1])
def test_a_shift_of_the_teacher_in_the_code_that_trains_is_found(monkeypatch, found_in_the_code_that_trains, by):
    def shifted(states, at):
        return states[at.row, (at.teacher + by).clamp(0, states.shape[1] - 1)]

    monkeypatch.setattr(teacher, "teacher_rows", shifted)
    assert "another place of the teacher" in found_in_the_code_that_trains(BUG)


def test_a_shift_of_the_student_in_the_code_that_trains_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(View, "compared_rows", lambda view: view.batch.boundaries.target.roll(1, 0))
    assert "another place of the teacher" in found_in_the_code_that_trains(BUG)
