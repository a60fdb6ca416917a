"""Settings are told by their names, wherever they are read from."""

import pytest

from sad.errors import UserError
from sad.judge.steps.settings import NEVER, Settings, settings_read


def test_a_setting_is_an_attribute_and_a_key():
    settings = Settings("args", {"lr": 0.5, "device": "cpu"})
    assert (settings.lr, settings["LR"], settings.get("device"), settings.get("colour", 3)) == (0.5, 0.5, "cpu", 3)
    assert (settings.log_interval, settings.eval_steps, settings.save_every) == (NEVER,) * 3
    assert (settings.use_wandb, settings.world_size, settings.local_rank, settings.gpu) == (False, 1, -1, None)
    assert not hasattr(settings, "__len__")
    with pytest.raises(UserError, match=r"it reads args\.colour"):
        _ = settings.colour


def test_what_a_source_reads_is_found():
    source = 'x = args.lr * cfg["clip"] + self.config.get("warmup", 1) + other.thing + args.lr'
    assert settings_read(source, ["args", "cfg", "config", "other"]) == ["lr", "clip", "warmup"]
    assert settings_read(source, ["model"]) == []
