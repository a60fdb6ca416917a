"""The recipes in the docs can be read by what reads them, and ask for what the code takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

from sad.recipe import schema as recipe
from sad.train.processes import zero
from sad.train.processes.devices import Sharding, sharding
from sad.train.processes.zero import Zero

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "docs" / "recipes"
KEPT = {"kaggle-t4x2": True, "h100x8": False, "two-nodes": True}
"""Whether a block's weights are let go of after its forward pass."""

ZERO = "h100x8-zero3"
"""The one for DeepSpeed."""


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_recipe_is_one(path: Path) -> None:
    found = recipe.load(path, {})
    assert found.train.max_steps
    assert found.output.name == path.stem.removeprefix("kaggle-")


def test_each_configuration_of_accelerate_is_known_here() -> None:
    assert {path.stem for path in RECIPES.glob("*.yaml")} == {*KEPT, ZERO}


@pytest.mark.parametrize("name", sorted(KEPT))
def test_accelerate_reads_its_configuration_and_we_take_what_it_asks_for(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--config_file", str(RECIPES / f"{name}.yaml"), "-m", "sad", "train"]
    said, _, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    assert said.use_fsdp
    monkeypatch.delenv("ACCELERATE_USE_DEEPSPEED", raising=False)
    environment = prepare_multi_gpu_env(said)
    assert sharding(environment) == Sharding(reshard=KEPT[name])
    assert said.num_processes == {"kaggle-t4x2": 2, "h100x8": 8, "two-nodes": 16}[name]


def test_accelerate_reads_the_one_for_deepspeed_and_we_take_that_too(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--config_file", str(RECIPES / f"{ZERO}.yaml"), "-m", "sad", "train"]
    said, _, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    assert said.use_deepspeed
    # what the launcher adds before it goes on
    said.deepspeed_fields_from_accelerate_config = ""
    monkeypatch.delenv("ACCELERATE_USE_FSDP", raising=False)
    _, environment = prepare_deepspeed_cmd_env(said)
    monkeypatch.setattr(zero, "find_spec", lambda _: True)
    found = sharding(environment, clip=recipe.load(RECIPES / "h100x8.toml", {}).train.clip)
    assert isinstance(found, Zero)
    assert (found.stage, said.num_processes) == (3, 8)


def test_the_page_names_every_recipe_for_devices() -> None:
    page = (ROOT / "docs" / "many-devices.md").read_text(encoding="utf-8")
    named = {path.name for path in RECIPES.iterdir() if path.name in page}
    assert {f"{name}.yaml" for name in (*KEPT, ZERO)} | {"kaggle-p100.toml", "card-24gb.toml", "h100x8.toml"} <= named
