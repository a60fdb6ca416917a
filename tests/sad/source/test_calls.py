"""Calls of a loss by either name; what stands at a place; what a parameter is by default."""

from __future__ import annotations

import ast

import pytest

from sad.source.calls import CROSS_ENTROPY, argument, calls_of, default_of
from sad.source.code import Code

HEAD = "from torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("F.cross_entropy(x, y)\nnn.CrossEntropyLoss()(x, y)", 2),
        ("loss = nn.CrossEntropyLoss()\nloss(x, y)", 1),
        ("loss = nn.CrossEntropyLoss()", 0),
        ("F.nll_loss(x, y)", 0),
    ],
)
def test_a_call_is_one_with_its_tensors(text, count):
    assert len(list(calls_of(Code(HEAD + text), *CROSS_ENTROPY))) == count


@pytest.mark.parametrize(
    ("text", "found"),
    [("f(a, b)", "b"), ("f(a, target=c)", "c"), ("f(a)", None), ("f(*a, b)", None), ("f(*a, target=c)", "c")],
)
def test_an_argument_by_its_place_or_name(text, found):
    one = argument(ast.parse(text, mode="eval").body, 1, "target")
    assert (one and ast.unparse(one)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f(a, how='sum'):\n    return how", "'sum'"),
        ("def f(a, *, how='sum'):\n    return how", "'sum'"),
        ("class A:\n    def __init__(self, how='sum'):\n        self.how = how\nA()", "'sum'"),
        ("class A:\n    def __init__(self, how='sum'):\n        self.how = how\nA(how='mean')", None),
        ("def f(a, how='sum'):\n    return how\nf(a, **settings)", None),
        ("def f(a, how='sum'):\n    how = 'mean'\n    return how", None),
        ("def f(a, how):\n    return how", None),
        ("how = 'sum'\nhow", None),
    ],
)
def test_a_default_is_told_where_the_file_gives_no_other(text, found):
    code = Code(text)
    name = [one for one in code.all(ast.Name) if one.id == "how" and isinstance(one.ctx, ast.Load)][-1]
    one = default_of(code, name)
    assert (one and ast.unparse(one)) == found
