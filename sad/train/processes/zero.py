"""Reads what is supported of a DeepSpeed configuration; the rest about DeepSpeed is in `engine.py`.

The plugin of accelerate reads it: the answers of ``accelerate config``, or a file of DeepSpeed's that they name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from accelerate.utils import DeepSpeedPlugin

from sad.errors import UserError

USE_DEEPSPEED = "ACCELERATE_USE_DEEPSPEED"
_CONFIG = "accelerate's configuration"
_OURS = {
    "optimizer": "train.learning_rate and train.weight_decay",
    "scheduler": "train.warmup and train.final_learning_rate",
}
"""Sections of DeepSpeed's file that the recipe has keys for."""


@dataclass(frozen=True, slots=True)
class Zero:
    """The stage of ZeRO, 1 to 3, and DeepSpeed's configuration as accelerate made it, in which "auto" may stand."""

    stage: int
    plugin: DeepSpeedPlugin

    def config(self, processes: int, clip: float, width: int) -> dict[str, Any]:
        """Return the whole configuration for a model of ``width`` features whose gradient is clipped at ``clip``.

        The engine never learns of micro-batches: it is told which pass is the last of a step, and losses are divided
        before they come to it.
        """
        known = {
            "train_micro_batch_size_per_gpu": 1,
            "train_batch_size": processes,
            "gradient_accumulation_steps": 1,
            "gradient_clipping": clip,
            # as accelerate and transformers resolve "auto"
            "zero_optimization.reduce_bucket_size": width * width,
            "zero_optimization.stage3_prefetch_bucket_size": int(0.9 * width * width),
            "zero_optimization.stage3_param_persistence_threshold": 10 * width,
            "zero_optimization.stage3_gather_16bit_weights_on_model_save": False,
            "fp16.enabled": False,
            "bf16.enabled": False,
        }
        self.plugin.deepspeed_config_process(must_match=False, **known)
        made: dict[str, Any] = {**self.plugin.deepspeed_config, "zero_allow_untested_optimizer": True}
        return made | {name: value for name, value in known.items() if "." not in name}


def asked(told: Mapping[str, str], clip: float | None = None) -> Zero:
    """Return what accelerate's environment ``told`` asks DeepSpeed for. Raises UserError for what cannot be taken.

    ``clip`` is the recipe's, with which the configuration must not disagree.
    """
    if find_spec("deepspeed") is None:
        raise UserError(f"{_CONFIG} asks for DeepSpeed, which is not installed: pip install deepspeed, or use FSDP 2")
    plugin = _plugin(told)
    config = plugin.deepspeed_config
    for name in ("offload_optimizer", "offload_param"):
        if (config["zero_optimization"].get(name) or {}).get("device", "none") not in {"none", None}:
            raise UserError(f"{_CONFIG} asks for DeepSpeed's {name}, which is not supported: take it out")
    for section, keys in _OURS.items():
        if section in config:
            raise UserError(f"DeepSpeed's configuration has a section {section}: take it out, and set {keys}")
    for section in ("bf16", "fp16"):
        if config.get(section, {}).get("enabled") is True:
            raise UserError(f"DeepSpeed's configuration turns {section} on: take it out, and set train.precision")
    if config.get("gradient_accumulation_steps", 1) not in {1, "auto"}:
        raise UserError("DeepSpeed's configuration sets gradient_accumulation_steps: set train.accumulation instead")
    clipping = config.get("gradient_clipping", "auto")
    if clip is not None and clipping != "auto" and float(clipping) != clip:
        raise UserError(
            f"DeepSpeed's configuration clips at {clipping}, and train.clip is {clip:g}: make them the same"
        )
    stage = config["zero_optimization"].get("stage")
    if stage not in {1, 2, 3}:
        raise UserError(
            f"{_CONFIG} asks for ZeRO of stage {stage}: stages 1, 2 and 3 are known; for 0 leave DeepSpeed out"
        )
    return Zero(stage, plugin)


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Keep accelerate from acting on these variables by itself."""
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _plugin(told: Mapping[str, str]) -> DeepSpeedPlugin:
    def of(name: str, default: str) -> str:
        return told.get(f"ACCELERATE_DEEPSPEED_{name}", default)

    clipping = told.get("ACCELERATE_GRADIENT_CLIPPING", "auto")
    try:
        return DeepSpeedPlugin(
            hf_ds_config=of("CONFIG_FILE", "none"),
            zero_stage=int(of("ZERO_STAGE", "2")),
            gradient_accumulation_steps=1,
            gradient_clipping="auto" if clipping == "auto" else float(clipping),
            offload_optimizer_device=of("OFFLOAD_OPTIMIZER_DEVICE", "none"),
            offload_param_device=of("OFFLOAD_PARAM_DEVICE", "none"),
            zero3_init_flag=False,
            zero3_save_16bit_model=False,
        )
    except (OSError, ValueError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(f"{_CONFIG} for DeepSpeed cannot be read: {first}; mend that file") from None
