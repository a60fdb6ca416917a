import math

import pytest

from sad_doctor import signals
from sad_doctor.example import parse

HELD = "steps: 1, 2\nteacher/lm_loss: 3, 3\n"
STUDENT = "train/raw/lm: {} ~ 0.01\ntrain/weight/lm: 1\nsteps: 4 every 25\neval/lm_loss: {}"


def gap(text):
    return signals.teacher_gap(parse(HELD + "steps: 100\n" + text))


def test_the_difference_of_the_texts_is_taken_off():
    alone = gap("train/teacher_lm_loss: 4 ~ 0.01")
    harder = gap("train/teacher_lm_loss: 4 ~ 0.01\n" + STUDENT.format("6 -> 5", "5.25 -> 4"))

    assert alone is not None
    assert harder is not None
    assert (alone.gap, alone.known) == (pytest.approx(1, abs=0.02), False)
    assert harder.gap == pytest.approx(0.5, abs=0.1)
    assert harder.known


def test_a_student_that_knows_its_text_by_heart_takes_nothing_off():
    found = gap("train/teacher_lm_loss: 3 ~ 0.01\n" + STUDENT.format("4 -> 1", "4.5 -> 4"))

    assert found is not None
    assert found.gap == pytest.approx(0, abs=0.02)
    assert found.error < 0.01


def test_what_it_needs():
    assert signals.teacher_gap(parse("steps: 100\ntrain/teacher_lm_loss: 4")) is None
    assert gap("train/loss: 4") is None


@pytest.mark.parametrize(
    ("student", "teacher", "held_out", "compared"),
    [(600, None, 600, 600), (None, 416, 416, 416), (600, 416, 416, 416), (416, 600, 600, 416), (0, 1, None, None)],
)
def test_a_guess_is_among_the_tokens_that_a_column_is_over(student, teacher, held_out, compared):
    sizes = {"vocabulary_size": student, "teacher_vocabulary_size": teacher}
    facts = "".join(f"fact {name}: {size}\n" for name, size in sizes.items() if size is not None)
    run = parse(f"{facts}steps: 1\ntrain/loss: 1")
    for name, size in (("teacher/lm_loss", held_out), ("train/teacher_lm_loss", compared)):
        assert signals.teacher_guess(run, name) == (None if size is None else pytest.approx(math.log(size)))


def test_of_two_vocabularies_bytes_are_compared():
    text = "steps: 1, 2\nteacher/lm_loss: 3, 3\neval/lm_loss: 4, 2"
    bits = "\neval/bits_per_byte: 1.5, 1\nteacher/bits_per_byte: 0.8, 0.75"
    two = "fact teacher_vocabulary_size: 600\n"
    assert signals.teacher_held_out(parse(text + bits)) == 3
    assert signals.teacher_held_out(parse(two + text + bits)) == pytest.approx(0.75 * 2 / 1)
    assert signals.teacher_held_out(parse(two + text)) is None
