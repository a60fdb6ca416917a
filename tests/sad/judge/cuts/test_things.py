"""What can be made where a part is judged, and what cannot."""

from __future__ import annotations

import ast
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sad.judge.cuts.things import Things
from sad.source.code import Code

TEXT = """
class Own:
    def __init__(self):
        self.kl = nn.KLDivLoss()
        self.net = build()

    def kd_loss(self, a, b):
        return a - b

    def step(self, batch, logits, args):
        out = self.net(batch)
        criterion = nn.CrossEntropyLoss()
        made = torch.ones(3)
        VALUE
"""


def own(a, b):
    return a - b


def foreign(expression, methods=frozenset({"kd_loss"})):
    code = Code(TEXT.replace("VALUE", expression))
    space = {"torch": torch, "F": F, "nn": nn, "math": math, "own": own}
    (value,) = [node.value for node in code.all(ast.Expr)]
    return Things(code, space, methods, frozenset()).foreign(value)


@pytest.mark.parametrize(
    "expression",
    [
        *("F.softmax(logits, -1)", "logits.log_softmax(-1)", "math.sqrt(2)", "own(logits, made)", "len(batch)"),
        *("nn.KLDivLoss(reduction='sum')(logits, made)", "criterion(logits, made)", "self.kl(logits, made)"),
        *("self.kd_loss(logits, made)", "self.temperature", "args.temperature", "args.kd.alpha", "made[0]", "made"),
        *("logits.shape", "logits / 2", "made.mean().item()"),
    ],
)
def test_what_is_computed_from_tensors_and_settings_is_kept(expression):
    assert not foreign(expression)


@pytest.mark.parametrize(
    "expression",
    [
        *("self.net(batch)", "out.logits", "out['logits']", "out[0]", "batch['labels']", "batch.pop('labels')"),
        *("unknown(logits)", "own(out, made)", "self.log(made)", "torch.load('x')", "open('x')", "out.logits or None"),
        *("self.net.head(made)", "torch.distributed.all_reduce(made)"),
    ],
)
def test_what_a_model_says_a_batch_holds_or_a_program_fetches_is_not(expression):
    assert foreign(expression)


def test_a_method_that_is_not_run_is_like_a_model():
    assert foreign("self.kd_step(logits, made)", frozenset())
    assert foreign("self.kd_loss(out, made)")
