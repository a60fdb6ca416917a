"""Weights in pieces train as whole ones do: two processes joined by gloo against one, and checkpoints of either."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from sad import tiny
from sad.pair import Pair
from sad.subjects.processes import on_processes
from sad.train import checkpoint, loop
from sad.train.devices import USE_FSDP
from sad.train.plan import Plan
from sad_doctor import names

ROWS = 4
"""Windows of a step, over all processes."""


@dataclass(frozen=True)
class Given:
    folder: Path
    processes: int
    steps: int = 5
    environment: dict[str, str] = field(default_factory=dict)
    resume: bool = False
    tied: bool = True
    train: dict[str, Any] = field(default_factory=dict)
    student: dict[str, Any] = field(default_factory=dict)


def plan(given: Given) -> Plan:
    made = tiny.pair()
    shape = {"tie_word_embeddings": given.tied, "intermediate_size": 37, **given.student}
    # odd numbers: not every matrix can be cut into equal parts
    student = tiny.model(321, layers=2, width=20, seed=2, **shape)
    pair = Pair(student, made.teacher, made.readers, made.vocab)
    size = ROWS // given.processes
    train = {"batch_size": size, "max_steps": 7, "eval_every": 2, "save_every": 2, **given.train}
    found = tiny.plan({"train": train, "data": {"eval_windows": 5}}, of=pair)
    # an epoch of seven windows ends in the middle of a step, where one process has less than the other
    found.train[:] = found.train[:7]
    return Plan(found.recipe, pair, found.train, found.held_out, given.steps, "fp32", "cpu")


def train(given: Given) -> None:
    AcceleratorState._reset_state(reset_partial_state=True)
    for name in (USE_FSDP, "FSDP_VERSION", "FSDP_RESHARD_AFTER_FORWARD"):
        os.environ.pop(name, None)
    os.environ.update(given.environment)
    loop.train(plan(given), given.folder, tiny.Silent(), resume=given.resume)


def run(given: Given) -> None:
    if given.processes == 1:
        on_processes(train, given, 1)
    else:
        on_processes(train, given, given.processes)


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


FSDP = {USE_FSDP: "true", "FSDP_VERSION": "2"}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("reshard", ["true", "false"])
def test_two_processes_with_pieces_train_as_one_that_has_all(tmp_path: Path, tied: bool, reshard: str) -> None:
    run(Given(tmp_path / "one", 1, tied=tied))
    run(Given(tmp_path / "two", 2, tied=tied, environment={**FSDP, "FSDP_RESHARD_AFTER_FORWARD": reshard}))
    same_run(tmp_path / "one", tmp_path / "two")
