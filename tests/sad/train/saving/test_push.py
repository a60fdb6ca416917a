"""A copy of the checkpoint elsewhere: whole or not at all, and a run goes on from it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sad import tiny
from sad.train.plan import Plan
from sad.train.saving import checkpoint, push
from sad.train.saving.checkpoint import FOLDER, MODEL, OPTIMIZER
from sad_doctor import names


def plan(there: Path | None, **train: Any) -> Plan:
    more = {} if there is None else {"push_checkpoint": str(there)}
    return tiny.plan({"train": {"max_steps": 6, "save_every": 2, "eval_every": 3, **more, **train}})


def names_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_copy_is_the_checkpoint_and_what_a_run_needs(tmp_path: Path) -> None:
    run, there = tmp_path / "run", tmp_path / "far" / "away"
    tiny.train(plan(there), run)
    copy = there / "run"
    assert names_in(copy / FOLDER) == names_in(run / FOLDER) == ["step-00000004", "step-00000006"]
    for step in names_in(copy / FOLDER):
        for file in names_in(run / FOLDER / step):
            assert (copy / FOLDER / step / file).read_bytes() == (run / FOLDER / step / file).read_bytes()
    assert {"metrics.jsonl", "events.jsonl", "run.json"} <= set(names_in(copy))
    assert not [p for p in copy.rglob("*.tmp")]


def test_a_copy_of_a_stopped_run_ends_as_the_whole_one(tmp_path: Path) -> None:
    tiny.train(plan(tmp_path / "there"), tmp_path / "run")
    copy = tmp_path / "there" / "run"
    shutil.rmtree(copy / FOLDER / "step-00000006")
    rest = tiny.train(plan(tmp_path / "there"), copy, resume=True)
    assert rest.result.start == 4
    assert [line["step"] for line in rest.record if names.LOSS in line] == [1, 2, 3, 4, 5, 6]
    left, right = checkpoint.newest(tmp_path / "run"), checkpoint.newest(copy)
    assert left.name == right.name == "step-00000006"
    for file in (MODEL, OPTIMIZER):
        one, other = load_file(left / file), load_file(right / file)
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_run_itself_is_no_copy_of_itself(tmp_path: Path) -> None:
    tiny.train(plan(None), tmp_path / "run")
    assert push.push(tmp_path / "run", tmp_path) is None


def test_a_copy_that_fails_is_a_warning_and_not_the_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    done = tiny.train(plan(tmp_path / "file"), tmp_path / "run")
    assert done.result.step == 6
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    told = [e for e in events if e["kind"] == names.EVENT_WARNING]
    assert [e["step"] for e in told] == [2, 4, 6]
    assert all("the checkpoint was not copied to" in e["message"] for e in told)


def test_half_a_copy_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.train(plan(None), tmp_path / "run")

    def half(source: Path, target: Path) -> None:
        target.mkdir()
        shutil.copyfile(source / MODEL, target / MODEL)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(push.shutil, "copytree", half)
    with pytest.raises(OSError, match="No space left"):
        push.push(tmp_path / "run", tmp_path / "there")
    assert names_in(tmp_path / "there" / "run" / FOLDER) == []
    monkeypatch.undo()
    push.push(tmp_path / "run", tmp_path / "there")
    assert names_in(tmp_path / "there" / "run" / FOLDER) == ["step-00000006"]
