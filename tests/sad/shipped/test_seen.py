"""Who is seen to be trained on is told from the tokens themselves."""

from __future__ import annotations

import pytest

from sad import tiny
from sad.data import blank, collate, collate_rows
from sad.distiller import Distiller
from sad.shipped.seen import seeing, texts


def test_each_text_of_a_row_is_told_apart_and_a_blank_one_is_none() -> None:
    plan = tiny.plan()
    some, readers = plan.train[:5], plan.pair.readers
    wanted = [tuple(one.student.tolist()) for one in some]
    assert texts(collate(some, readers)) == wanted
    assert texts(collate_rows([some[:2], some[2:3], some[3:]], readers)) == wanted
    assert texts(blank(some[0], readers)) == []


def test_what_the_student_reads_is_noted_in_order() -> None:
    plan = tiny.plan()
    made = Distiller(plan.pair.student, plan.pair.teacher, plan.pair.vocab, plan.recipe.terms)
    noted: list[int] = []
    who: list[Distiller] = []
    with seeing(plan.train, noted.append, who.append):
        for numbers in ([3, 0], [5]):
            batch = collate([plan.train[i] for i in numbers], plan.pair.readers)
            made(batch, made.ask_teacher(batch))
    assert noted == [3, 0, 5]
    assert who == [made, made]


def test_two_that_are_the_same_cannot_be_told_apart() -> None:
    some = tiny.plan().train
    with pytest.raises(ValueError, match="only 2 are different"), seeing([some[0], some[1], some[0]], print):
        pass
