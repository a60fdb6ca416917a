"""A teacher of which only the configuration is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from sad.cache.absent import absent_teacher
from sad.errors import UserError


def test_it_has_a_configuration_and_no_weight(tmp_path: Path, pair_folder: Path) -> None:
    shutil.copy(pair_folder / "teacher" / "config.json", tmp_path / "config.json")
    made = absent_teacher(str(tmp_path))
    assert made.config.num_hidden_layers == 3
    assert list(made.parameters()) == []
    with pytest.raises(RuntimeError, match="in a cache"):
        made(torch.zeros(1))


def test_no_configuration_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^cannot read the configuration of .*: look at its config\.json$"):
        absent_teacher(str(tmp_path))
