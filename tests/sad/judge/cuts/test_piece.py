"""A part as a function of its own."""

from __future__ import annotations

import ast
import inspect

import pytest

from sad.judge.cuts.piece import Piece, lines_of, made, parameters, without_ours
from sad.judge.cuts.slices import Slice
from sad.judge.cuts.things import Things
from sad.source.code import Code


def of(body, loss, **named):
    found = Slice(Things(Code(""), {}, frozenset(), frozenset()), loss=ast.parse(loss, mode="eval").body)
    found.kept = ast.parse(body).body
    found.made |= named
    return found


FUNCTION = ast.parse("def f(self, b, a, T=2.0, labels=None, *, way='kl'):\n    'Its doc.'").body[0]


def test_it_takes_what_it_reads_in_the_order_of_the_function_then_of_reading():
    one = of("x = a * b\ny = x + len(z)\nif T:\n    w = 1\nw = w + 1", "y + w", z=None)
    assert parameters(one, FUNCTION, {}) == ["b", "a", "T", "z"]
    assert parameters(of("", "known + other"), FUNCTION, {"known": 1}) == ["other"]


def test_an_argument_that_is_set_on_one_way_alone_must_be_given():
    assert parameters(of("if T:\n    labels = labels[1:]", "labels.sum()"), FUNCTION, {}) == ["T", "labels"]
    assert parameters(of("if T:\n    a = 1\nelse:\n    a = 2", "a"), FUNCTION, {}) == ["T"]


def test_it_keeps_doc_module_and_plain_defaults_and_its_source_can_be_read():
    one = of("x = a * T", "x.sum() if labels is None else way")
    found = made(one, FUNCTION, ["a", "T", "labels", "way"], {"a": "student_logits"}, {"__name__": "its"}, "f.py")
    assert str(inspect.signature(found)) == "(student_logits, labels, T=2.0, way='kl')"
    assert (found.__name__, found.__doc__, found.__module__) == ("f", "Its doc.", "its")
    assert "x = student_logits * T" in inspect.getsource(found)


def test_what_is_left_may_be_no_code():
    with pytest.raises(SyntaxError):
        made(of("", "a"), FUNCTION, ["a", "a"], {}, {}, "f.py")


@pytest.mark.parametrize(("lines", "said"), [((3, 9), "lines 3 to 9"), ((4, 4), "line 4")])
def test_its_lines_are_said(lines, said):
    assert Piece(made, True, False, lines, {}).said == said


def test_its_lines_are_those_of_what_is_kept_up_to_its_end():
    body = ast.parse("\n\na = 1\nb = 2\nc = 3").body
    one = of("", "c")
    one.kept = body[:2]
    assert lines_of(one, body[2]) == (3, 5)
    assert lines_of(of("", "c"), body[2]) == (5, 5)
    assert lines_of(one, body[2], 1) == (1, 5)


def test_a_way_of_writing_that_is_not_foreseen_ends_what_is_cut_and_raises_nothing():
    def pieces():
        yield 1
        raise IndexError("of ours")

    assert list(without_ours(pieces())) == [1]
