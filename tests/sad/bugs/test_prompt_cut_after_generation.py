from sad.align import example
from sad.bugs.prompt_cut_after_generation import BUG
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    (verdict,) = found.reproduced
    assert verdict.says.startswith("the student that wrote reads ")
    assert "the student that is trained and the teacher reads " in verdict.says


def test_another_end_for_the_teacher_is_found(monkeypatch, found_in_the_code_that_trains):
    """The student's window with what the teacher reads first."""
    shipped = example.windows

    def windows(student, teacher, room):
        for window in shipped(student, teacher, room):
            window_of = type(window)
            yield window_of(
                window.student,
                teacher.ids[: len(window.teacher)],
                window.at_student,
                window.at_teacher,
                window.bytes_at,
                window.closes,
            )

    monkeypatch.setattr(example, "windows", windows)
    assert "the end of a text is learned that is not" in found_in_the_code_that_trains(BUG)
