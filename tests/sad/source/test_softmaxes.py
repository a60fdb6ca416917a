"""What a softmax is taken of, by each of its names, and at which temperature."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code
from sad.source.softmaxes import bare, softmax_of, taken_of, tempered

HEAD = "import torch, jax, scipy\nimport torch.nn.functional as F\nfrom torch import nn\n"


def last(text):
    code = Code(HEAD + text, formed=True)
    return code, code.tree.body[-1].value


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("F.softmax(x, -1)", "x"),
        ("torch.log_softmax(input=x, dim=-1)", "x"),
        ("x.softmax(-1)", "x"),
        ("model(y).logits.softmax(-1)", "model(y).logits"),
        ("nn.Softmax(dim=1)(x)", "x"),
        ("softmax(x)", "x"),
        ("jax.nn.softmax(x)", None),
        ("scipy.special.softmax(x)", None),
        ("nn.Softmax(dim=1)", None),
        ("F.softmax(*x)", None),
    ],
)
def test_what_it_is_taken_of(text, taken):
    code, call = last(text)
    found = taken_of(code, call)
    assert (found and ast.unparse(found)) == taken


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("p = F.softmax(x / T, -1)\np[0].view(-1).log()", "x / T"),
        ("torch.log(F.softmax(x, -1))", "x"),
        ("p = F.softmax(x, -1)\nif a:\n    p = F.softmax(y, -1)\np", None),
        ("model(x)", None),
    ],
)
def test_it_is_found_through_names_and_changes_of_form(text, taken):
    code, of = last(text)
    found = softmax_of(code, of)
    assert (found and ast.unparse(found)) == taken


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("x / T", True),
        ("y = (x / self.args.temperature)[:, 1:]\ny.float()", True),
        ("x.div(tau)", True),
        ("x / config['temp']", True),
        ("x / scale", False),
        ("x * T", False),
        ("y = x\nif a:\n    y = x / T\ny", False),
    ],
)
def test_a_temperature_is_told_on_every_way(text, yes):
    assert tempered(*last(text)) is yes


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("F.softmax(x, -1)[0].detach()", True),
        ("F.log_softmax(x, -1)", False),
        ("F.softmax(x, -1).clamp(1e-8)", False),
        ("F.softmax(x, -1) + 1e-8", False),
    ],
)
def test_bare_is_without_a_bound(text, yes):
    assert bare(*last(text)) is yes
