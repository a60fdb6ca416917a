"""What a loss is made of, read backwards."""

from __future__ import annotations

import ast
import textwrap

import pytest
import torch
import torch.nn.functional as F

from sad.judge.cuts.slices import defines, in_order, name_of, sliced
from sad.judge.cuts.things import Things
from sad.judge.cuts.ways import ends, way_to
from sad.source.code import Code


def cut(body):
    text = f"def f(self, net, batch, T, labels):\n{textwrap.indent(textwrap.dedent(body), '    ')}"
    code = Code(text)
    (node,) = code.tree.body
    end = ends(node)[0]
    things = Things(code, {"torch": torch, "F": F}, frozenset(), frozenset())
    of = sliced(way_to(node, end.at)[0], end.loss, things, last=not isinstance(end.at, ast.Return | ast.Expr))
    kept = [ast.unparse(one) for one in of.kept]
    return kept, ast.unparse(of.loss), {name: made and ast.unparse(made) for name, made in of.made.items()}, of


def test_what_the_loss_does_not_need_is_left_out_and_what_cannot_be_made_is_a_name():
    kept, loss, made, of = cut("""
        out = net(batch)
        log(out)
        acc = (out.logits.argmax(-1) == labels).float()
        rows = F.log_softmax(out.logits / T, -1)
        return rows.sum()
    """)
    assert kept == ["rows = F.log_softmax(out_logits / T, -1)"]
    assert (loss, made) == ("rows.sum()", {"out_logits": "out.logits"})
    assert not of.cut_short


def test_what_changes_a_value_in_place_and_sums_over_a_loop_are_kept():
    kept, _, made, _ = cut("""
        total = 0
        rows = net(batch).logits
        rows.masked_fill_(labels < 0, 0)
        for row in rows:
            total += row.sum()
        return total
    """)
    assert kept[0] == "total = 0"
    assert kept[1] == "rows.masked_fill_(labels < 0, 0)"
    assert kept[2].startswith("for row in rows:")
    assert list(made) == ["rows"]


def test_a_branch_is_kept_as_one_and_one_on_what_is_not_here_is_taken():
    kept, _, _, of = cut("""
        x = net(batch).logits
        if T > 1:
            x = x / T
        if net.ready:
            x = x * 2
        return x.sum()
    """)
    assert kept == ["if T > 1:\n    x = x / T", "x = x * 2"]
    assert of.cut_short


def test_a_way_out_before_is_left_out_and_said():
    _, _, _, of = cut("""
        x = net(batch).logits
        if len(x) == 0:
            return x.sum()
        return x.mean()
    """)
    assert of.cut_short


def test_no_gradients_stay_off_and_a_number_is_a_loss_again():
    kept, loss, _, _ = cut("""
        x = net(batch).logits
        with torch.no_grad(), other():
            y = x.softmax(-1)
        return (x * y).sum().item()
    """)
    assert kept == ["with torch.no_grad():\n    y = x.softmax(-1)"]
    assert loss == "(x * y).sum()"


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        *(("batch['labels']", "labels"), ("self.teacher(x).logits", "teacher_logits"), ("out[0]", "out_0")),
        *(("self.config.vocab_size", "vocab_size"), ("model.module.forward(x)", "model"), ("a.b.c", "a_b_c")),
    ],
)
def test_an_expression_is_called_by_what_it_is(expression, name):
    assert name_of(ast.parse(expression, mode="eval").body) == name


def test_names_are_read_in_their_order_and_a_definition_gives_its_own():
    assert in_order(ast.parse("b + a * b")) == ["b", "a"]
    assert in_order(ast.parse("[x for x in y]")) == ["y"]
    assert defines(ast.parse("import os.path, re as r").body[0]) == {"os", "r"}
    assert defines(ast.parse("def g(): pass").body[0]) == {"g"}
