"""Rows that surely have three dimensions."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code
from sad.source.shape import three


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("out = x[:, :-1, :].contiguous() / T", True),
        ("out = x[..., 1:, :]", True),
        ("out = x[:, 0]", False),
        ("x = y\nout = x\nx = z\nF.cross_entropy(x.view(-1, x.size(-1)), labels)", False),
        ("def f(x):\n    out = x\n    return F.cross_entropy(x.view(-1, x.size(-1)), labels)", True),
        ("out = x.view(-1, 5)", False),
    ],
)
def test_what_is_sure(text, sure):
    code = Code(text)
    value = [one for one in code.all(ast.Assign) if ast.unparse(one.targets[0]) == "out"][-1].value
    assert three(code, value) is sure
