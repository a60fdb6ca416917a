"""What is divided: temperatures and numbers left out."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code
from sad.source.divisions import divisions


@pytest.mark.parametrize(
    ("text", "rights"),
    [
        ("a / len(b)\nc /= d.size(0)", ["len(b)", "d.size(0)"]),
        ("a / T + b / self.temperature", []),
        ("a / 2\na //= b", []),
        ("a.div(b)\ntorch.true_divide(a, other=c)\na.div(d, rounding_mode='floor')\na.div_(e)", ["b", "c", "e"]),
    ],
)
def test_by_what(text, rights):
    assert [ast.unparse(one.right) for one in divisions(Code(text, formed=True))] == rights
