"""What is taken of accelerate's configuration for DeepSpeed. DeepSpeed itself need not be there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sad.errors import UserError
from sad.recipe import schema as recipe
from sad.train.processes import devices, zero
from sad.train.processes.devices import sharding
from sad.train.processes.zero import USE_DEEPSPEED, Zero, asked, hidden

ON = {USE_DEEPSPEED: "true"}
PREFIX = "ACCELERATE_DEEPSPEED_"


@pytest.fixture(autouse=True)
def deepspeed_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zero, "find_spec", lambda _: True)


def file(folder: Path, **sections: Any) -> dict[str, str]:
    path = folder / "deepspeed.json"
    path.write_text(json.dumps({"zero_optimization": {"stage": 2}, **sections}), encoding="utf-8")
    return {**ON, f"{PREFIX}CONFIG_FILE": str(path)}


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_the_answers_given_to_accelerate_are_taken(stage: int) -> None:
    found = sharding({**ON, f"{PREFIX}ZERO_STAGE": str(stage), "ACCELERATE_GRADIENT_CLIPPING": "1.0"}, clip=1.0)
    assert isinstance(found, Zero)
    assert found.stage == stage
    config = found.config(4, 0.5, 20)
    assert (config["train_batch_size"], config["train_micro_batch_size_per_gpu"]) == (4, 1)
    assert (config["gradient_accumulation_steps"], config["gradient_clipping"]) == (1, 0.5)
    # the optimizer is torch's
    assert config["zero_allow_untested_optimizer"] is True
    assert "auto" not in json.dumps(config)


def test_a_file_of_deepspeed_is_taken_with_what_it_leaves_to_others(tmp_path: Path) -> None:
    cut = {
        "stage": 3,
        "stage3_param_persistence_threshold": "auto",
        "reduce_bucket_size": "auto",
        "overlap_comm": False,
    }
    found = asked(file(tmp_path, zero_optimization=cut, bf16={"enabled": "auto"}, train_batch_size="auto"))
    config = found.config(2, 1.0, 20)
    assert found.stage == 3
    assert config["zero_optimization"]["stage3_param_persistence_threshold"] == 200
    assert config["zero_optimization"]["reduce_bucket_size"] == 400
    assert config["zero_optimization"]["overlap_comm"] is False
    assert config["bf16"]["enabled"] is False
    assert "auto" not in json.dumps(config)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({f"{PREFIX}ZERO_STAGE": "0"}, "ZeRO of stage 0: stages 1, 2 and 3 are known; for 0 leave DeepSpeed out"),
        ({f"{PREFIX}ZERO_STAGE": "x"}, "for DeepSpeed cannot be read"),
        ({f"{PREFIX}CONFIG_FILE": "/none.json"}, "for DeepSpeed cannot be read"),
        ({f"{PREFIX}OFFLOAD_OPTIMIZER_DEVICE": "cpu"}, "offload_optimizer, which is not supported: take it out"),
        (
            {f"{PREFIX}ZERO_STAGE": "3", f"{PREFIX}OFFLOAD_PARAM_DEVICE": "nvme"},
            "offload_param, which is not supported",
        ),
        ({"ACCELERATE_GRADIENT_CLIPPING": "0.5"}, "clips at 0.5, and train.clip is 1: make them the same"),
    ],
)
def test_what_cannot_be_taken_of_the_answers_is_one_line(environment: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told) as error:
        sharding({**ON, **environment}, clip=1.0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"optimizer": {"type": "AdamW"}}, "section optimizer: take it out, and set train.learning_rate"),
        ({"scheduler": {"type": "WarmupLR"}}, "section scheduler: take it out, and set train.warmup"),
        ({"bf16": {"enabled": True}}, "turns bf16 on: take it out, and set train.precision"),
        ({"fp16": {"enabled": True}}, "turns fp16 on: take it out, and set train.precision"),
        ({"gradient_accumulation_steps": 4}, "set train.accumulation instead"),
        ({"gradient_clipping": 2.0}, "clips at 2.0, and train.clip is 1"),
    ],
)
def test_what_the_recipe_decides_is_refused_in_a_file(tmp_path: Path, sections: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as error:
        asked(file(tmp_path, **sections), clip=1.0)
    assert "\n" not in str(error.value)


def test_compiled_blocks_are_refused_where_the_engine_gathers_inside_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ON, f"{PREFIX}ZERO_STAGE": "3"}.items():
        monkeypatch.setenv(name, value)
    compiling = recipe.load(None, {"train.compile": True}).train
    with pytest.raises(UserError, match="compile does not work with ZeRO of stage 3: set it to false, or"):
        devices.check(compiling)
    devices.check(recipe.load(None, {}).train)
    monkeypatch.setenv(f"{PREFIX}ZERO_STAGE", "2")
    devices.check(compiling)


def test_terms_that_leave_weights_without_a_gradient_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USE_DEEPSPEED, "true")
    with pytest.raises(UserError, match="under DeepSpeed every weight needs a gradient: give the term kd or lm"):
        devices.make_accelerator("cpu", "fp32", ("layerwise",))


def test_without_deepspeed_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zero, "find_spec", lambda _: None)
    with pytest.raises(UserError, match="not installed: pip install deepspeed, or use FSDP 2"):
        sharding(ON)


def test_variables_are_hidden_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USE_DEEPSPEED, "true")
    monkeypatch.delenv("SAD_NOT_SET", raising=False)
    with hidden(USE_DEEPSPEED, "SAD_NOT_SET"):
        assert USE_DEEPSPEED not in os.environ
    assert os.environ[USE_DEEPSPEED] == "true"
    assert "SAD_NOT_SET" not in os.environ
