"""A tiny training on one process or several, and whether two of them were the same."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from torch import nn
from torch.distributed.tensor import DTensor
from transformers import MixtralConfig, MixtralForCausalLM

from sad import tiny
from sad.models.forward import text_config
from sad.pair import Pair
from sad.subjects.processes import on_processes
from sad.train import loop
from sad.train.plan import Plan
from sad.train.processes.devices import USE_FSDP
from sad.train.processes.zero import USE_DEEPSPEED
from sad.train.saving import checkpoint
from sad_doctor import names

ROWS = 4
"""Windows of a step, over all processes."""

STEPS = 5


@dataclass(frozen=True)
class Given:
    folder: Path
    processes: int
    stop: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    resume: bool = False
    tied: bool = True
    train: dict[str, Any] = field(default_factory=dict)
    student: dict[str, Any] = field(default_factory=dict)
    experts: bool = False
    """Whether the teacher is a mixture of experts."""


class StopsAt(tiny.Silent):
    """Asks the first process, which alone is told of steps, to end after one."""

    def __init__(self, step: int) -> None:
        self._step = step

    def step(self, step: int, *_: object) -> None:
        if step == self._step:
            os.kill(os.getpid(), signal.SIGTERM)


def plan(given: Given) -> Plan:
    made = tiny.pair()
    shape = {"tie_word_embeddings": given.tied, "intermediate_size": 37, **given.student}
    # odd numbers: not every matrix can be cut into equal parts
    student = tiny.model(321, layers=2, width=20, seed=2, **shape)
    teacher = experts(text_config(made.teacher).vocab_size) if given.experts else made.teacher
    pair = Pair(student, teacher, made.readers, made.vocab)
    size = ROWS // given.processes
    train = {"batch_size": size, "max_steps": STEPS, "eval_every": 2, "save_every": 2, **given.train}
    found = tiny.plan({"train": train, "data": {"eval_windows": 5}}, of=pair)
    # an epoch of seven windows ends in the middle of a step, where one process has less than the other
    found.train[:] = found.train[:7]
    return Plan(found.recipe, pair, found.train, found.held_out, STEPS, "fp32", "cpu")


def experts(vocabulary: int) -> nn.Module:
    """Return a teacher in whose blocks each token takes two of five experts, so that some are taken by few texts."""
    torch.manual_seed(7)
    how = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 5, "num_experts_per_tok": 2}
    sizes = {"hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 2, "vocab_size": vocabulary}
    config = MixtralConfig(**how, **sizes, max_position_embeddings=256, initializer_range=0.3)
    return MixtralForCausalLM(config).eval().requires_grad_(False)


def train(given: Given) -> list[list[bool]]:
    """Train; return for the student, then for the teacher, which of its parameters ended in pieces."""
    AcceleratorState._reset_state(reset_partial_state=True)
    for name in (USE_FSDP, "FSDP_VERSION", "FSDP_RESHARD_AFTER_FORWARD", USE_DEEPSPEED):
        os.environ.pop(name, None)
    os.environ.update(given.environment)
    made = plan(given)
    loop.train(made, given.folder, StopsAt(given.stop), resume=given.resume)
    return [[isinstance(p, DTensor) for p in model.parameters()] for model in (made.pair.student, made.pair.teacher)]


def run(given: Given) -> list[list[bool]]:
    first, *_ = on_processes(train, given, given.processes)
    return first


def losses(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    kept = (names.LOSS, names.GRAD_NORM, names.UPDATE_RATIO, names.EVAL_LM_LOSS, names.EVAL_KL, names.EVAL_AGREEMENT)
    return [{key: line[key] for key in kept if key in line} | {"step": line["step"]} for line in lines]


def same_run(one: Path, other: Path, exact: float = 2e-5) -> None:
    mine, theirs = losses(one), losses(other)
    assert len(mine) == len(theirs) > 0
    for a, b in zip(mine, theirs, strict=True):
        assert a == pytest.approx(b, rel=exact, abs=1e-7)
    for file in ("student/model.safetensors", f"checkpoints/{checkpoint.newest(one).name}/{checkpoint.MODEL}"):
        first, second = load_file(one / file), load_file(other / file)
        assert set(first) == set(second)
        for name, value in first.items():
            torch.testing.assert_close(second[name], value, rtol=1e-3, atol=2e-5)
