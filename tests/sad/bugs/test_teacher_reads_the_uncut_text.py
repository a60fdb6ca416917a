from dataclasses import replace

import pytest

from sad.align import example
from sad.bugs.teacher_reads_the_uncut_text import BUG
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    for (verdict,) in found.faulty.values():
        assert verdict.says.startswith("the student reads 68 bytes from ")
        assert "the teacher reads " in verdict.says
    assert "538 bytes" in found.variants["read whole"][0].says


@pytest.mark.parametrize("whole", [True, False])
def test_a_teacher_that_is_cut_elsewhere_is_found(monkeypatch, found_in_the_code_that_trains, whole):
    shipped = example.windows

    def windows(student, teacher, room):
        for window in shipped(student, teacher, room):
            yield replace(window, teacher=teacher.ids if whole else window.teacher[:-1])

    monkeypatch.setattr(example, "windows", windows)
    # where the last place is missing, there is nothing to look at behind it
    assert ("the teacher reads" if whole else "out of bounds") in found_in_the_code_that_trains(BUG)


@pytest.mark.parametrize(
    ("closes", "says"), [(True, "the end of a text is learned that is not"), (False, "behind the end of a text")]
)
def test_a_wrong_end_mark_is_found(monkeypatch, found_in_the_code_that_trains, closes, says):
    shipped = example.windows
    monkeypatch.setattr(example, "windows", lambda *given: (replace(one, closes=closes) for one in shipped(*given)))
    assert says in found_in_the_code_that_trains(BUG)


def test_a_window_that_is_too_long_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = example.windows
    monkeypatch.setattr(example, "windows", lambda student, teacher, room: shipped(student, teacher, room + 9))
    assert "tokens where a model takes 48" in found_in_the_code_that_trains(BUG)
