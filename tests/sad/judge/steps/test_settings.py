"""Settings are told by their names, wherever they are read from."""

import pytest

from sad.errors import UserError
from sad.judge.steps.settings import NEVER, Settings, plain, settings_read
from sad.judge.unknown import Unknown


def test_a_setting_is_an_attribute_and_a_key():
    settings = Settings("args", {"lr": 0.5, "device": "cpu"})
    assert (settings.lr, settings["LR"], settings.get("device"), settings.get("colour", 3)) == (0.5, 0.5, "cpu", 3)
    assert (settings.log_interval, settings.eval_steps, settings.save_every) == (NEVER,) * 3
    assert (settings.use_wandb, settings.world_size, settings.local_rank, settings.gpu) == (False, 1, -1, None)
    assert not hasattr(settings, "__len__")
    assert not settings.colour
    with pytest.raises(UserError, match=r"what args\.colour should be"):
        _ = settings.colour * 2


def test_what_is_done_on_the_way_is_off_and_never_due():
    settings = Settings("args", {})
    assert not settings.save_metrics
    assert settings.save_metrics == NEVER
    assert not settings.save_model
    assert (settings.run_name, settings.model) == ("run", ".")
    assert (settings.output_dir, settings.max_train_step) == (".", NEVER)
    assert (settings.snapshot_path, settings.resume_checkpoint_path) == ("saved", "saved")


def test_what_a_source_reads_is_found():
    source = 'x = args.lr * cfg["clip"] + self.config.get("warmup", 1) + other.thing + args.lr'
    assert settings_read(source, ["args", "cfg", "config", "other"]) == ["lr", "clip", "warmup"]
    assert settings_read(source, ["model"]) == []


def test_what_is_read_is_written_down_where_it_is_a_known_number():
    asked = set()
    settings = Settings("cfg", {"lr": 0.5, "accumulation_steps": 4, "device": "cpu"}, {"seq": 3}, asked)
    assert (settings["train"]["lr"], settings.grad_accum, settings.device, settings.seq) == (0.5, 4, "cpu", 3)
    assert asked == {"lr", "grad_accum"}
    assert dict(**settings) == {"seq": 3}


def test_a_model_is_a_path_or_a_group_of_settings_where_nothing_is_given_for_it():
    thing = object()
    assert plain({"model": thing, "lr": 0.5}) == {"lr": 0.5}
    assert Settings("cfg", {"model": thing}, {"model": "gpt2"}).model == "gpt2"
    settings = Settings("cfg", {"lr": 0.5})
    assert (settings.model, settings.model.lr, settings["model"]["lr"]) == (".", 0.5, 0.5)


def test_a_state_begins_to_count():
    state = Settings("state", {})
    state["step"] += 1
    assert state.step == 1
    assert isinstance(Settings("args", {}).step, Unknown)
