"""What an expression is: followed through names, branches, attributes and the file's own functions, or not told."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code
from sad.source.made import called
from sad.source.meaning import Kind, Whose, by_name, is_logits, kind, whose

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
NET = "class Net(nn.Module):\n    def forward(self, x):\n        return %s\n"


def last_value(text: str) -> tuple[Code, ast.expr]:
    """Return the code and the value that its last ``out = …`` is given."""
    code = Code(HEAD + text)
    found = [one for one in code.all(ast.Assign) if ast.unparse(one.targets[0]) == "out"]
    return code, found[-1].value


@pytest.mark.parametrize(
    ("text", "is_"),
    [
        ("out = F.softmax(x, -1)", Kind.PROBS),
        ("out = torch.softmax(x, -1).detach()[..., :-1, :]", Kind.PROBS),
        ("out = x.log_softmax(-1).view(-1, n)", Kind.LOG_PROBS),
        ("p = F.softmax(x, -1)\nout = (p + 1e-8).log()", Kind.LOG_PROBS),
        ("p = F.softmax(x, -1)\nout = torch.log(p)", Kind.LOG_PROBS),
        ("out = F.log_softmax(x, -1).exp()", Kind.PROBS),
        ("out = nn.Softmax(dim=-1)(x)", Kind.PROBS),
        (NET % "F.softmax(x, 1)" + "net = Net().cuda().eval()\nout = net(x)", Kind.PROBS),
        (NET % "x" + "net = Net()\nout = net(x)", Kind.UNKNOWN),
        (NET % "F.softmax(x, 1)" + "net = Net()\nif a:\n    net = Other()\nout = net(x)", Kind.UNKNOWN),
        ("out = x", Kind.UNKNOWN),
        ("out = torch.log(x)", Kind.UNKNOWN),
        ("p = F.softmax(x, -1)\nout = p * 2", Kind.UNKNOWN),
        ("if a:\n    p = F.softmax(x, -1)\nelse:\n    p = x.softmax(-1)\nout = p", Kind.PROBS),
        ("p = x\nif a:\n    p = F.softmax(x, -1)\nout = p", Kind.UNKNOWN),
        ("if a:\n    p = F.softmax(x, -1)\nelse:\n    p = F.log_softmax(x, -1)\n    out = p", Kind.LOG_PROBS),
        ("p = F.softmax(x, -1)\np = torch.log(p)\nout = p", Kind.LOG_PROBS),
        ("for p in rows:\n    p = F.softmax(p, -1)\n    out = p", Kind.PROBS),
        ("def soft(x, T):\n    return F.softmax(x / T, -1)\nout = soft(x, 2)", Kind.PROBS),
        ("p = F.softmax(x, -1)\nwith torch.no_grad():\n    p = x\nout = p", Kind.UNKNOWN),
    ],
)
def test_what_an_expression_is(text, is_):
    assert kind(*last_value(text)) is is_


def test_a_module_is_followed_to_where_it_was_made():
    text = "class A:\n    def __init__(self):\n        self.kl = nn.KLDivLoss(reduction='sum')\n"
    code, value = last_value(text + "    def loss(self, a, b):\n        out = self.kl(a, b)\n")
    made = called(code, value)
    assert made.name == "torch.nn.KLDivLoss"
    assert ast.unparse(made.settings.keywords[0].value) == "'sum'"
    code, value = last_value("class A:\n    def loss(self, a, b):\n        out = self.kl(a, b)\n")
    assert called(code, value).name == "self.kl"


def test_two_ways_to_make_one_have_no_settings():
    text = "if a:\n    f = nn.KLDivLoss()\nelse:\n    f = nn.KLDivLoss(reduction='sum')\nout = f(x, y)"
    made = called(*last_value(text))
    assert (made.name, made.settings) == ("torch.nn.KLDivLoss", None)


@pytest.mark.parametrize(
    ("text", "of"),
    [
        ("out = F.softmax(teacher_logits / T, -1)", Whose.TEACHER),
        ("x = model_s(ids).logits\nout = F.softmax(x, -1)", Whose.STUDENT),
        ("out = x.softmax(-1)", Whose.UNKNOWN),
        ("out = student_logits + teacher_logits", Whose.UNKNOWN),
    ],
)
def test_whose_rows_they_are(text, of):
    assert whose(*last_value(text)) is of


def test_a_letter_counts_only_by_itself():
    assert by_name("logits_t") is Whose.TEACHER
    assert by_name("s_logits") is Whose.STUDENT
    assert by_name("targets") is by_name("loss") is by_name("student_teacher_gap") is Whose.UNKNOWN


def test_a_temperature_is_no_teacher():
    assert whose(*last_value("out = x / T")) is Whose.UNKNOWN
    assert whose(*last_value("out = student_logits / T")) is Whose.STUDENT


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("out = student_logits / T", True),
        ("x = model(y).logits[:, :-1].float()\nout = x", True),
        ("out = logits - logits.max()", False),
        ("out = logits_probs", False),
        ("logits = F.softmax(x, -1)\nout = logits", False),
        ("out = layer(logits)", False),
        ("out = logistic", False),
    ],
)
def test_logits_are_told_by_the_name_that_they_came_under(text, yes):
    assert is_logits(*last_value(text)) is yes
