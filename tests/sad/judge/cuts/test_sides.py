"""Whose the parameters of a part are."""

from __future__ import annotations

import ast

import pytest

from sad.judge.cuts.sides import sides_of
from sad.judge.cuts.slices import Slice
from sad.judge.cuts.things import Things
from sad.source.code import Code


def sides(loss, names, **made):
    """``made``: where values came from, in a function of a file."""
    lines = "\n".join(f"        {name} = {value}" for name, value in made.items())
    code = Code(f"class A:\n    def f(self, x):\n{lines or '        pass'}\n")
    values = {one.targets[0].id: one.value for one in code.all(ast.Assign)}
    of = Slice(Things(code, {}, frozenset(), frozenset()), loss=ast.parse(loss, mode="eval").body)
    of.made |= {name: values.get(name) for name in made}
    return sides_of(code, of, names)


def test_names_say_whose_they_are():
    found = sides("kl(s_out, t_out)", ["s_out", "t_out"])
    assert found.aliases == {"s_out": "student_logits", "t_out": "teacher_logits"}
    assert found.pair


def test_of_two_that_a_model_said_the_other_one_is_the_students():
    found = sides("kl(p, q)", ["p", "q"], p="self.teacher(x).logits", q="self.net(x).logits")
    assert found.aliases == {"q": "student_logits", "p": "teacher_logits"}


@pytest.mark.parametrize(
    ("name", "loss", "alias"),
    [
        ("teacher_log_probs", "kl(teacher_log_probs)", "teacher_log_probs"),
        ("teacher_probs", "kl(teacher_probs)", "teacher_probs"),
        ("soft_targets", "(q * soft_targets).sum()", "teacher_probs"),
        ("soft_targets", "(q * F.softmax(soft_targets, -1)).sum()", "teacher_logits"),
        ("soft_targets", "(q.log_softmax(-1) * soft_targets).sum()", "teacher_probs"),
        ("teacher_hidden", "(q - teacher_hidden).sum()", "teacher_hidden_states"),
    ],
)
def test_what_they_are_is_told_by_name_and_by_what_is_done_with_them(name, loss, alias):
    assert sides(loss, ["student_logits", name]).aliases[name] == alias


@pytest.mark.parametrize(
    "loss",
    ["F.cross_entropy(out.view(-1, 5), tgt_lm.view(-1))", "F.cross_entropy(input=out, target=tgt_lm, ignore_index=1)"],
)
def test_labels_are_what_a_cross_entropy_takes_second(loss):
    found = sides(loss, ["out", "tgt_lm"])
    assert found.aliases == {"tgt_lm": "labels", "out": "logits"}
    assert (found.pair, found.labelled) == (False, True)


def test_two_that_nothing_tells_are_left_to_how_a_pair_is_read():
    assert sides("kl(first_dist, other_dist)", ["first_dist", "other_dist"]).pair
    assert not sides("kl(first_dist)", ["first_dist"]).pair


def test_two_students_are_no_pair():
    assert not sides("kl(student_a, student_b)", ["student_a", "student_b"]).pair


def test_a_model_that_is_asked_twice_and_one_of_each_layer_are_no_pair():
    assert not sides(
        "kl(first, other)", ["first", "other"], first="self.net(x).logits", other="self.net(x).logits"
    ).pair
    loss = "sum(kl(a, b) for a, b in zip(s_out, t_out))"
    assert not sides(loss, ["s_out", "t_out"]).pair
    assert sides(loss.replace("zip(s_out, t_out)", "zip(s_out.split(2), t_out.split(2))"), ["s_out", "t_out"]).pair
