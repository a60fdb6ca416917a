"""Where no gradient is kept: by a block, or by the function."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code
from sad.source.gradient import without


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("with torch.no_grad():\n    if a:\n        f(x)", True),
        ("@torch.inference_mode()\ndef g():\n    f(x)", True),
        ("@no_grad\ndef g():\n    f(x)", True),
        ("with torch.no_grad():\n    def g():\n        f(x)", False),
        ("with torch.enable_grad():\n    f(x)", False),
        ("f(x)", False),
    ],
)
def test_what_keeps_none(text, yes):
    code = Code(text)
    (call,) = [one for one in code.all(ast.Call) if code.dotted(one.func) == "f"]
    assert without(code, call) is yes
