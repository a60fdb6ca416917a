"""A file as a tree: whole names, what stands above, comments that silence."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code


def test_names_are_whole():
    imports = "import torch as t\nfrom torch.nn import functional as F, KLDivLoss\nimport a.b\n"
    code = Code(imports + "t.softmax(x)\nF.log_softmax(x)\nKLDivLoss()\na.b.c()\nf()()\n")
    assert [code.dotted(one.func) for one in code.all(ast.Call)] == [
        *("torch.softmax", "torch.nn.functional.log_softmax", "torch.nn.KLDivLoss", "a.b.c", "", "f"),
    ]


def test_names_that_nobody_imports_are_the_customary_ones():
    code = Code("F.softmax(x)\nnn.Linear(1, 1)\n")
    assert [code.dotted(one.func) for one in code.all(ast.Call)] == ["torch.nn.functional.softmax", "torch.nn.Linear"]


def test_what_no_python_is_raises():
    with pytest.raises(SyntaxError):
        Code("print 'x'\n")


def test_a_comment_silences_all_or_what_it_names():
    code = Code("a  # sad: ignore\nb  # sad: ignore[S101, S102]\nc  # ignore\n")
    assert code.ignored(1, "S101")
    assert code.ignored(2, "S102")
    assert not code.ignored(2, "S103")
    assert not code.ignored(3, "S101")
    assert not code.ignored(9, "S101")


def test_a_class_tells_what_its_attributes_are():
    code = Code(
        "class A:\n    def __init__(self):\n        self.x = 1\n    def f(self):\n        return self.x + other.x\n"
    )
    own, other = (one for one in code.all(ast.Attribute) if isinstance(one.ctx, ast.Load))
    assert [ast.unparse(one) for one in code.attribute(own)] == ["1"]
    assert code.attribute(other) == []


def test_a_form_feed_ends_no_line():
    assert Code("x = '\x0c'\ny = 1  # sad: ignore\n").ignored(2, "S101")


def test_a_relative_import_is_no_library():
    code = Code("from . import functional as F\nF.kl_div(a, b)\n")
    assert code.dotted(code.all(ast.Call)[0].func) == "..functional.kl_div"
