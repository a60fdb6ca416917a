"""Runs of a few steps on a stream of a few texts, and what of two runs must be the same."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sad import tiny
from sad.data import Streamed, pools, segments, stream
from sad.objective import Ledger
from sad.train.plan import Plan
from sad.train.saving import checkpoint
from sad_doctor import names

TEXTS = [f"{number} {tiny.TEXT[7 * number : 7 * number + 60]}" for number in range(24)]
"""About two windows each."""
OF_THE_MOMENT = ("time", names.TOKENS_PER_SECOND, names.SECONDS, names.MEMORY)
STEPS = 9
"""Three pools: of 2 steps, of 4, and a part of one of 8."""


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pools and segments be of a few windows."""
    monkeypatch.setattr(pools, "FIRST", 2)
    monkeypatch.setattr(stream, "LEAVE", 0.2)
    monkeypatch.setattr(segments, "FIRST", 150)
    monkeypatch.setattr(segments, "MOST", 300)


def plan(folder: Path, texts: Iterable[str] = TEXTS, **train: Any) -> Plan:
    how = {"max_steps": STEPS, "batch_size": 2, "eval_every": 5, "save_every": 2, **train}
    made = tiny.plan({"train": how, "data": {"max_length": 24, "eval_windows": 2}})
    some = Streamed(texts, made.pair.readers, 24, folder, workers=0, name="corpus")
    some.need(2 * 2)
    return replace(made, train=some, steps=STEPS if how["max_steps"] == STEPS else made.steps)


class Falls(tiny.Silent):
    """Is killed after a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def step(self, step: int, _ledger: Ledger, _rate: float) -> None:
        if step == self._step:
            raise MemoryError("killed")


def end(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    last = checkpoint.newest(folder)
    tensors = {name: of for file in ("MODEL", "OPTIMIZER")
               for name, of in load_file(last / getattr(checkpoint, file)).items()}  # fmt: skip
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    log = [{key: of for key, of in line.items() if not key.startswith(OF_THE_MOMENT)} for line in lines]
    return tensors, json.loads((last / checkpoint.STATE).read_text()), log


def same(one: Path, other: Path) -> None:
    (mine, state, log), (theirs, expected, record) = end(one), end(other)
    assert state == expected
    assert log == record
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def warnings(folder: Path) -> list[str]:
    lines = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    return [line["message"] for line in lines if line["kind"] == names.EVENT_WARNING]
