"""Where functions end in a loss, and the ways there."""

from __future__ import annotations

import ast
import textwrap

import pytest

from sad.judge.cuts.ways import ends, node_of, way_to


def function(body):
    (found,) = ast.parse(textwrap.dedent(f"def f(a, b):\n{textwrap.indent(textwrap.dedent(body), '    ')}")).body
    return found


@pytest.mark.parametrize(
    ("body", "loss"),
    [
        ("return a + b", "a + b"),
        ("return a, b", "a"),
        ("return {'acc': b, 'loss': a}", "a"),
        ("return Output(loss=a, logits=b)", "a"),
        ("return (a, b) if b else a", "a"),
        ("a.backward()", "a"),
        ("accelerator.backward(a / 4)", "a / 4"),
        ("scaler.scale(a).backward()", "a"),
    ],
)
def test_the_whole_loss_is_what_is_returned_or_sent_back(body, loss):
    found = [one for one in ends(function(body)) if one.whole]
    assert [ast.unparse(one.loss) for one in found] == [loss]


def test_a_term_is_what_its_last_statement_makes_of_it():
    of = function("""
        kd = F.kl_div(a, b)
        kd = kd_loss(kd) * 4
        other = torch.exp(a)
    """)
    (term,) = ends(of)
    assert (ast.unparse(term.loss), term.whole, term.at is of.body[1]) == ("kd", False, True)


@pytest.mark.parametrize("body", ["return None", "return 3", "a.step()", "return {'x': a}"])
def test_what_is_no_loss_is_no_end(body):
    assert ends(function(body)) == []


def test_the_way_goes_through_blocks_as_if_they_were_entered_and_says_whether_that_is_asked():
    of = function("""
        one = 1
        if a:
            two = 2
            with b:
                return two
        three = 3
    """)
    at = of.body[1].body[1].body[0]
    way, asked = way_to(of, at)
    assert [ast.unparse(one) for one in way] == ["one = 1", "two = 2", "return two"]
    assert asked
    assert way_to(of, of.body[2]) == (of.body, False)


def test_a_function_is_found_in_its_file_and_what_was_made_elsewhere_is_not():
    code, node, space = node_of(function)
    assert code is not None
    assert node.name == "function"
    assert space is globals()
    made = {}
    exec("def made(): pass", made)
    assert node_of(made["made"])[:2] == (None, None)
