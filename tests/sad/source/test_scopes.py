"""Which values may reach a name."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code


def reached(text: str) -> list[str]:
    """Return what the last name ``x`` that is read may be, as text."""
    code = Code(text, formed=True)
    last = [one for one in code.all(ast.Name) if one.id == "x" and isinstance(one.ctx, ast.Load)][-1]
    return sorted("?" if value is None else ast.unparse(value) for value in code.values(last))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x = 1\nx = 2\nx", ["2"]),
        ("x = 1\nif a:\n    x = 2\nx", ["1", "2"]),
        ("if a:\n    x = 1\nelse:\n    x = 2\n    x", ["2"]),
        ("if a:\n    x = 1\nx", ["1"]),
        ("x = 0\ntry:\n    x = 1\nexcept E:\n    pass\nelse:\n    x", ["0", "1"]),
        ("x = 0\nfor i in y:\n    x = 1\nelse:\n    x", ["0", "1"]),
        ("x = 1\nwith a:\n    x = 2\nx", ["2"]),
        ("for x in y:\n    x", ["?"]),
        ("x = 1\nx += 1\nx", ["x + 1"]),
        ("x.y += 1\nx", ["?"]),
        ("x, y = 1, 2\nx", ["1"]),
        ("x, y = f()\nx", ["?"]),
        ("def f(x):\n    x", ["?"]),
        ("def f(x):\n    if x is None:\n        x = 1\n    x", ["1", "?"]),
        ("x = 1\ndef f():\n    return x", ["1"]),
        ("f(x := 1)\nx", ["1"]),
        ("x = x", ["?"]),
        ("x", ["?"]),
    ],
)
def test_the_values_that_reach_a_name(text, values):
    assert reached(text) == values
