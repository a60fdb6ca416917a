"""What is called, by the way that it is kept."""

from __future__ import annotations

import ast

import pytest

from sad.source.code import Code
from sad.source.made import called

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\nfrom functools import partial\n"
KL, FUNCTION = "torch.nn.KLDivLoss", "torch.nn.functional.kl_div"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("losses = {'kl': nn.KLDivLoss(), 'ce': nn.CrossEntropyLoss()}\nlosses['kl'](a, b)", KL),
        ("losses = nn.ModuleDict({'kl': nn.KLDivLoss()})\nlosses[name](a, b)", KL),
        ("losses = [nn.MSELoss(), nn.KLDivLoss()]\nlosses[1](a, b)", KL),
        ("losses = [nn.MSELoss(), nn.KLDivLoss()]\nlosses[i](a, b)", ""),
        ("losses = {'kl': nn.KLDivLoss()}\nlosses['kl'] = other\nlosses['kl'](a, b)", ""),
        ("losses = {**other}\nlosses['kl'](a, b)", ""),
        ("kl = F.kl_div if a else F.kl_div\nkl(a, b)", FUNCTION),
        ("kl = F.kl_div if a else F.mse_loss\nkl(a, b)", "kl"),
        ("kl = partial(F.kl_div, reduction='sum')\nkl(a, b)", FUNCTION),
        ("Loss = nn.KLDivLoss\nLoss()(a, b)", KL),
        ("torch.nn.modules.loss.KLDivLoss()(a, b)", KL),
        ("def f(kl):\n    kl(a, b)", "kl"),
    ],
)
def test_the_name_of_what_is_called(text, name):
    code = Code(HEAD + text)
    assert (
        called(
            code, [one for one in code.all(ast.Call) if len(one.args) == 2 and ast.unparse(one.args[1]) == "b"][-1]
        ).name
        == name
    )


def test_a_partial_has_the_settings_of_both():
    code = Code(HEAD + "kl = partial(F.kl_div, reduction='sum', log_target=True)\nkl(a, b, reduction='none')")
    made = called(code, code.all(ast.Call)[-1])
    assert made.settings is not None
    assert [ast.unparse(one) for one in made.settings.keywords] == ["log_target=True", "reduction='none'"]
