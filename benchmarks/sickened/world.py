"""A short run of the embedded pair by the loop that trains, and what the doctor and `sad verify` say of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from accelerate.state import AcceleratorState
from torch import nn

from sad import catalogue, data, distiller, embedded, pair, tiny
from sad.bugs import BUGS
from sad.errors import TrainingError
from sad.models.forward import Forward, run
from sad.quiet import quiet_libraries
from sad.recipe import schema as recipe
from sad.subjects import processes
from sad.train import loop
from sad.train.plan import Plan
from sad.verify import battery
from sad_doctor import check, read
from sad_doctor.finding import Level
from sickened import metrics, several, steps, texts, values
from sickened.fault import Fault, World

FAULTS: tuple[Fault, ...] = tuple(
    sorted(steps.FAULTS + values.FAULTS + metrics.FAULTS + texts.FAULTS + several.FAULTS, key=lambda fault: fault.code)
)
STEPS, LENGTH, CHAPTERS, HELD_OUT = 80, 40, 8, 8
TOO_FEW = "too-few-records"
MASSIVE = 3000.0
"""An activation of the teacher's states at the first positions; SmolLM2-135M has one of 24,961."""
FIRST = 3
PATIENCE = 600.0
"""Seconds that several processes have."""


@dataclass(frozen=True)
class Said:
    """What the doctor says of a log: the first red flag that is no hint, all of these, and the hints."""

    first: str
    alarms: tuple[str, ...]
    hints: tuple[str, ...]


def plan(world: World) -> Plan:
    """Return a run of the embedded pair on some chapters."""
    base: dict[str, dict[str, Any]] = {
        "train": {
            "batch_size": 2,
            "max_steps": STEPS,
            "eval_every": STEPS // 10,
            "save_every": STEPS // 2,
            "grad_shares_every": 0,
            "on_red_flag": "ignore",
            "precision": "fp32",
            "device": "cpu",
        },
        "data": {"max_length": LENGTH},
    }
    for section, changed in world.changes.items():
        base[section] = {**base.get(section, {}), **changed}
    made = recipe.parse(base, "the story")
    models = pair.load(made)
    with torch.no_grad():
        models.student.model.norm.weight.mul_(world.peaked)  # type: ignore[union-attr, operator]
    train = data.examples(embedded.train_text()[:CHAPTERS], models.readers, LENGTH)
    held_out = data.examples(embedded.held_out_text()[:2], models.readers, LENGTH)[::2][:HELD_OUT]
    if world.unlabelled:
        train = [one if i % world.unlabelled else without_labels(one) for i, one in enumerate(train)]
    return Plan(made, models, train, held_out, STEPS, "fp32", "cpu")


def without_labels(one: data.Example) -> data.Example:
    """Return a window of which nothing is to be learned, as of a chat that was cut within its question."""
    none = np.empty(0, dtype=np.int64)
    return replace(one, at_student=none, at_teacher=none, byte_count=0, runs=np.zeros((1, 4), dtype=np.int64))


def train(world: World, folder: Path) -> str:
    """Train; return what the run crashed with, which is in its log too."""
    quiet_libraries()
    if world.processes == 1:
        return _train(world, folder)
    with patch.object(processes, "SECONDS", PATIENCE):
        try:
            return processes.on_processes(lambda given: _one_of_several(*given), (world, folder), world.processes)[0]
        except RuntimeError as error:
            return f"{type(error).__name__}: {error}"


def _one_of_several(world: World, folder: Path) -> str:
    # what the process that this one was forked from knew of itself
    AcceleratorState._reset_state(reset_partial_state=True)
    return _train(world, folder)


def _train(world: World, folder: Path) -> str:
    made = plan(world)
    with massive(made.pair.teacher) if world.massive else nullcontext():
        try:
            if world.resumed:
                loop.train(replace(made, steps=STEPS // 2), folder, tiny.Silent())
                made = plan(world)
            loop.train(made, folder, tiny.Silent(), resume=world.resumed)
        except (RuntimeError, TrainingError) as error:
            return f"{type(error).__name__}: {error}"
    return ""


@contextmanager
def massive(teacher: nn.Module) -> Iterator[None]:
    """Put an enormous activation into what the blocks of a teacher hand on, as models of real size have one."""

    def enlarged(model: nn.Module, *given: Any) -> Forward:
        found = run(model, *given)
        if model is teacher:
            for states in found.blocks.values():
                states[:, :FIRST, 0] += MASSIVE
        return found

    with patch.object(distiller, "run", enlarged):
        yield


def said(folder: Path) -> Said:
    """Let the doctor judge the log of a run."""
    report = check(read(folder))
    found = [story.finding for story in report.stories]
    alarms = tuple(one.name for one in found if one.level > Level.INFO)
    hints = tuple(one.name for one in found if one.level == Level.INFO and one.name != TOO_FEW)
    return Said(alarms[0] if alarms else "", alarms, hints)


def is_sick(code: str) -> bool:
    """Judge the code that trains, as it is now, by the properties of a bug, as ``sad verify CODE`` does."""
    (bug,) = (bug for bug in BUGS if bug.code == code)
    return not all(verdict.holds for verdict in battery._fixed(bug, {}))


def mended_in(code: str) -> set[str]:
    """Return the files that the page of a bug names under Fix."""
    page = next(entry.page for entry in catalogue.entries() if entry.code == code)
    fix = page.partition("## Fix")[2].partition("## ")[0]
    return set(re.findall(r"sad/[\w/]+\.py", fix))


def lived(fault: Fault, folder: Path) -> dict[str, Any]:
    """Train with the bug in the code, ask the doctor of the log, and `sad verify` of the code."""
    with fault.put_in():
        crashed = train(fault.world, folder)
        sick = is_sick(fault.code)
        beside = not sick and bool(fault.neighbour) and is_sick(fault.neighbour)
        return {**asdict(said(folder)), "crashed": crashed, "sick": sick, "beside": beside}


def mended(world: World, folder: Path) -> Mapping[str, Any]:
    """Train with the code as it is, ask the doctor."""
    crashed = train(world, folder)
    return {**asdict(said(folder)), "crashed": crashed}
