"""What can be written in many ways has one form."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a.mul(b)", "a * b"),
        ("torch.mul(a, other=b)", "a * b"),
        ("torch.div(a, b)", "a / b"),
        ("a.div(b, rounding_mode='floor')", "a.div(b, rounding_mode='floor')"),
        ("a.div_(b)", "a.div_(b)"),
        ("seen.add(b)", "seen.add(b)"),
        ("torch.add(a, b)", "a + b"),
        ("torch.add(a, b, alpha=2)", "torch.add(a, b, alpha=2)"),
        ("self.mul(b)", "self.mul(b)"),
        ("a.mul(*b)", "a.mul(*b)"),
        ("a.ne(-100)", "a != -100"),
        ("torch.eq(0, a)", "a == 0"),
        ("0 < a", "a > 0"),
        ("~a.eq(b)", "a != b"),
        ("not a == b", "a != b"),
        ("not i % n", "i % n == 0"),
        ("x if i % n else y", "x if i % n != 0 else y"),
        ("'%s' % n and y", "'%s' % n and y"),
        ("i % n == n - 1", "(i + 1) % n == 0"),
        ("i % n == m - 1", "i % n == m - 1"),
        ("a * (1 / b)", "a / b"),
        ("(1.0 / b) * a", "a / b"),
        ("a * (2 / b)", "a * (2 / b)"),
        ("n * [a]", "[a] * n"),
        ("[-100 for _ in range(n)]", "[-100] * n"),
        ("[i for i in range(n)]", "[i for i in range(n)]"),
        ("a.mul(b).mul(c).ne(d)", "a * b * c != d"),
        ("a *= 1 / b", "a /= b"),
    ],
)
def test_a_form(text, form):
    code = Code(text, formed=True)
    assert ast.unparse(code.tree) == form
    assert all(id(one) in code.parent for kind in list(code._of_type) for one in code.all(kind) if one is not code.tree)


def test_what_is_to_be_run_stays_as_it_is_written():
    text = "a.mul(b) * (1 / c)\nx = 1\nx += 1\nx"
    code = Code(text)
    assert ast.unparse(code.tree) == text
    assert code.values([one for one in code.all(ast.Name) if one.id == "x"][-1]) == [None]
