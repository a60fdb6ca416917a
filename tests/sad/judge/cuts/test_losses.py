"""Parts of losses: cut out of what cannot be called, up to what cannot be made here."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path

import pytest

from sad.judge.cuts.losses import parts_of
from sad.judge.target import load, owner

PROGRAMS = Path(__file__).with_name("programs.py")


def parts(name):
    target = f"{PROGRAMS}:{name}"
    return [piece for piece, _ in parts_of(load(target), owner(target))]


def test_a_term_is_cut_out_with_its_two_sides_told_by_where_they_came_from():
    piece = next(one for one in parts("Distiller.step") if not one.whole)
    assert inspect.getsource(piece.function) == textwrap.dedent("""\
        def step(student_logits, teacher_logits):
            kd = F.kl_div(F.softmax(student_logits, dim=1), F.softmax(teacher_logits, dim=1), reduction='batchmean')
            return kd
    """)
    assert piece.aliases == {"out_scores": "student_logits", "ref_scores": "teacher_logits"}
    text = PROGRAMS.read_text(encoding="utf-8").splitlines()
    assert text[piece.lines[1] - 1].strip().startswith("kd = F.kl_div(F.softmax")
    assert piece.said == f"line {piece.lines[0]}"


def test_what_it_returns_comes_first_and_may_be_the_whole_of_it():
    first = parts("Distiller.right")[0]
    assert first.whole
    assert first.cut_short, "it may return before"
    assert "log_q" in inspect.getsource(first.function)


def test_soft_labels_are_probabilities_unless_a_softmax_is_taken_of_them_and_labels_stay_labels():
    first = parts("Distiller.masked")[0]
    names = list(inspect.signature(first.function).parameters)
    assert {"teacher_probs", "student_logits", "labels"} <= set(names)
    assert inspect.signature(first.function).parameters["reduction"].default == "mean"


def test_a_teacher_whose_last_row_is_left_out_already_is_another_form_of_it():
    plain, shorter = parts("late_teacher")[:2]
    added = ast.parse(inspect.getsource(shorter.function)).body[0].body[0]
    assert ast.unparse(added) == "teacher_probs = teacher_probs[:, :-1]"
    assert inspect.getsource(plain.function) != inspect.getsource(shorter.function)


@pytest.mark.parametrize("name", ["Distiller.no_loss", "main"])
def test_where_no_two_sides_are_compared_there_is_no_part(name):
    assert parts(name) == []


def test_of_a_class_every_method_is_looked_at():
    assert {one.function.__name__ for one in parts("Distiller")} == {"step", "right", "one_term", "masked", "labelled"}


def test_what_has_no_file_has_no_parts():
    assert list(parts_of(len, None)) == []
    space = {}
    exec("def made(a, b): return a", space)
    assert list(parts_of(space["made"], None)) == []
