"""What is said of a loss of which a part alone can be called."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from sad.errors import UserError
from sad.judge.check import check
from sad.judge.losses.call import Call
from sad.judge.losses.partly import whole_or_part
from sad.judge.losses.session import session
from sad.judge.target import load, owner
from sad.verdict import Standing

PROGRAMS = Path(__file__).parents[1] / "cuts" / "programs.py"
ONLY = ("can_be_called", "known_divergence")


def judged(name, only=ONLY):
    target = f"{PROGRAMS}:{name}"
    of, its = load(target), owner(target)
    events = list(whole_or_part(lambda: session(Call(of, its), name, only=only), of, its, name, only=only))
    what = next(event["what"] for event in events if "what" in event)
    lines = {event["line"].name: event["line"] for event in events if "line" in event}
    assumed = next(event["assumed"] for event in events if "assumed" in event)
    return what, lines, assumed, events[-1].get("unjudged", "")


def test_a_fault_in_a_term_of_what_cannot_be_called_is_found_and_its_lines_are_told():
    what, lines, assumed, unjudged = judged("Distiller.step")
    assert lines["known_divergence"].standing is Standing.BROKEN
    assert "student's probabilities" in lines["known_divergence"].says
    assert what.startswith("kl_div with the student's probabilities, in line")
    assert "since it raised IndexError: too many" in assumed[0]
    assert "student_logits is out_scores there" in assumed
    assert not unjudged


def test_where_the_whole_of_its_loss_is_right_it_is_sound():
    what, lines, assumed, unjudged = judged("Distiller.right", (*ONLY, "finite"))
    assert what.startswith("forward KL, in lines")
    assert not unjudged
    assert "finite" not in lines, "what may end it early may see to that"
    assert any("left out, and finite not judged" in one for one in assumed)


def test_one_term_that_is_right_is_no_verdict_on_the_rest():
    _, lines, _, unjudged = judged("Distiller.one_term")
    assert lines["known_divergence"].standing is Standing.HOLDS
    assert "they are one term of it alone; of the rest it raised" in unjudged


def test_an_axis_is_counted_from_the_front_where_the_source_makes_rows_of_the_vocabulary():
    _, lines, _, _ = judged("Distiller.masked")
    assert "axis 1 is the length" in lines["known_divergence"].says


def test_a_teacher_that_lacks_its_last_row_already_is_given_so():
    what, lines, _, _ = judged("late_teacher")
    assert what.startswith("forward KL")
    assert lines["known_divergence"].standing is Standing.HOLDS


def test_a_part_without_a_label_may_be_what_stands_before_it_does_not_let_through():
    what, lines, _, _ = judged("Distiller.labelled", (*ONLY, "finite"))
    assert what.startswith("forward KL, in lines")
    assert lines["finite"].standing is Standing.ALLOWED
    assert lines["finite"].says.startswith("no label at all")


def test_where_no_part_is_a_known_loss_what_lacks_is_told():
    with pytest.raises(UserError, match=r"has no attribute .count."):
        judged("Distiller.no_loss")


def test_a_check_in_a_test_suite_looks_at_parts_too():
    with pytest.raises(AssertionError, match="student's probabilities"):
        check(load(f"{PROGRAMS}:Distiller.step"), only=ONLY)
    with pytest.raises(UserError, match="they are one term of it alone"):
        check(load(f"{PROGRAMS}:Distiller.one_term"), only=ONLY)


def test_what_can_be_called_is_judged_whole():
    def loss(student_logits, teacher_logits):
        return ((student_logits - teacher_logits) ** 2).mean()

    events = list(whole_or_part(partial(session, Call(loss), "it", only=ONLY), loss, None, "it", only=ONLY))
    assert "in line" not in next(event["what"] for event in events if "what" in event)
