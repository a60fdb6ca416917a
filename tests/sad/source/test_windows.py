"""What counts a window, what divides, what runs under no condition."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code
from sad.source.loops import loop_of
from sad.source.windows import counts_window, is_free


@pytest.mark.parametrize(
    ("name", "counts"),
    [("grad_accum", True), ("args.gradient_accumulation_steps", True), ("accumulate", True), ("steps", False)],
)
def test_a_number_of_accumulated_steps_is_known_by_its_name(name, counts):
    assert counts_window(ast.parse(name, mode="eval").body) is counts


@pytest.mark.parametrize(
    ("body", "free"),
    [("f()", True), ("with w:\n  f()", True), ("if x:\n  f()", False), ("if x:\n  break\n f()", False)],
)
def test_what_runs_whenever_the_body_begins(body, free):
    code = Code("for a in b:\n " + body)
    call = code.all(ast.Call)[-1]
    loop = loop_of(code, call)
    assert loop is not None
    assert is_free(code, call, loop) is free
