"""The scaler that stands for timm's steps where it is told to, and clips."""

from __future__ import annotations

import pytest
import torch

from sad.judge.steps.scaler import LossScaler


def test_a_step_is_taken_where_one_is_due():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer, scaler = torch.optim.SGD([weight], lr=1.0), LossScaler()
    scaler(3 * weight.sum(), optimizer, update_grad=False)
    assert float(weight.detach()) == 0.0
    scaler(3 * weight.sum(), optimizer, clip_grad=0.5, parameters=[weight])
    assert float(weight.detach()) == pytest.approx(-0.5, rel=1e-5)
    scaler(3 * weight.sum(), optimizer, clip_grad=0.1, clip_mode="value", parameters=[weight])
    assert float(weight.detach()) == pytest.approx(-0.6, rel=1e-5)
    assert scaler.state_dict() == {}
