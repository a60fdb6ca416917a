"""What sleeps while a model trains goes on sleeping after an evaluation, and nothing else does."""

from __future__ import annotations

import pytest
from torch import nn

from sad.models.modes import evaluating


def test_every_module_gets_its_mode_back_also_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))).train()
    model[1][1].eval()
    modes = [module.training for module in model.modules()]
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(ValueError, match="in the block"), evaluating(model):
        raise ValueError("in the block")
    assert [module.training for module in model.modules()] == modes
