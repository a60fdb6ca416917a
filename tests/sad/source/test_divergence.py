"""Calls of the KL divergence and their settings, by function and by module."""

from __future__ import annotations

import pytest

from sad.source.code import Code
from sad.source.divergence import UNTOLD, divergences

HEAD = "from torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    ("call", "reduction", "log_target"),
    [
        ("F.kl_div(a, b)", "mean", False),
        ("F.kl_div(a, b, None, None, 'sum')", "sum", False),
        ("F.kl_div(a, target=b, reduction='batchmean', log_target=True)", "batchmean", True),
        ("F.kl_div(a, b, size_average=False)", UNTOLD, False),
        ("F.kl_div(a, b, reduction=how, log_target=flag)", UNTOLD, None),
        ("F.kl_div(a, b, **more)", UNTOLD, None),
        ("nn.KLDivLoss()(a, b)", "mean", False),
        ("nn.KLDivLoss(None, None, 'none', True)(a, b)", "none", True),
    ],
)
def test_the_settings_of_a_call(call, reduction, log_target):
    (one,) = divergences(Code(HEAD + call))
    assert (one.reduction, one.log_target) == (reduction, log_target)
    assert (one.input.id, one.target.id) == ("a", "b")


@pytest.mark.parametrize("call", ["F.kl_div(*pair)", "nn.KLDivLoss()", "kl_div(a, b)", "other.kl_div(a, b)"])
def test_what_is_no_such_call_is_left_alone(call):
    assert list(divergences(Code(HEAD + call))) == []
