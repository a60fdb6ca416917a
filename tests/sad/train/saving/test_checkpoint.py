"""A checkpoint is there whole or not at all, holds all that decides the next step, and runs no code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sad import tiny
from sad.data import collate
from sad.distiller import Distiller
from sad.errors import UserError
from sad.objective import Objective
from sad.train.optimizer import make_optimizer
from sad.train.saving import checkpoint
from sad.train.saving.checkpoint import FOLDER, MODEL, OPTIMIZER, STATE, Progress


class Rig:
    """A distiller, its optimizer and objective, that have trained for some steps."""

    def __init__(self, steps: int = 0, seed: int = 0, **of_student: Any) -> None:
        self.plan = tiny.plan()
        pair = self.plan.pair
        student = tiny.model(320, layers=2, width=16, seed=2, **of_student)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.distiller = Distiller(student, pair.teacher, pair.vocab, self.plan.recipe.terms)
        self.optimizer = make_optimizer(self.distiller, self.plan.recipe.train)
        self.objective = Objective({"kd": 1.0, "lm": 1.0, "layerwise": 0.1})
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        batch = collate(self.plan.train[:2], self.plan.pair.readers)
        sums = self.distiller(batch, self.distiller.ask_teacher(batch))
        self.objective.part(sums, batch.counts()).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def save(self, run: Path, step: int, keep: int = 2) -> Path:
        return checkpoint.save(run, Progress(step, 1), self.distiller, self.optimizer, self.objective, keep)

    def load(self, run: Path) -> Progress:
        return checkpoint.load(run, self.distiller, self.optimizer, self.objective)


def test_all_that_decides_the_next_step_comes_back(tmp_path: Path) -> None:
    first = Rig(3)
    first.objective.weights["kd"], first.objective.means["kd"] = 1 / 3, 0.1
    torch.manual_seed(5)
    torch.rand(7)
    first.save(tmp_path, 3)
    drawn = torch.rand(4)

    other = Rig(1, seed=9)
    assert other.load(tmp_path) == Progress(3, 1)
    assert torch.equal(torch.rand(4), drawn)
    assert torch.equal(tiny.weights(other.distiller), tiny.weights(first.distiller))
    assert other.objective == first.objective
    for rig in (first, other):
        rig.step()
    assert torch.equal(tiny.weights(other.distiller), tiny.weights(first.distiller))


def test_the_optimizer_keeps_owning_the_live_weights(tmp_path: Path) -> None:
    Rig(2).save(tmp_path, 2)
    rig = Rig()
    live = [id(p) for p in rig.distiller.parameters()]
    rig.load(tmp_path)
    assert [id(p) for p in rig.distiller.parameters()] == live
    assert {id(p) for g in rig.optimizer.param_groups for p in g["params"]} == set(live)
    before = tiny.weights(rig.distiller)
    rig.step()
    assert not torch.equal(tiny.weights(rig.distiller), before)


@pytest.mark.parametrize("tied", [True, False])
def test_tied_weights_stay_tied(tmp_path: Path, tied: bool) -> None:
    first = Rig(2, tie_word_embeddings=tied)
    first.save(tmp_path, 2)
    other = Rig(tie_word_embeddings=tied)
    other.load(tmp_path)
    student: Any = other.distiller.student
    assert (student.get_input_embeddings().weight is student.get_output_embeddings().weight) == tied
    assert torch.equal(tiny.weights(other.distiller), tiny.weights(first.distiller))


def test_it_holds_nothing_of_the_teacher_and_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Rig(1).save(tmp_path, 1)
    assert sorted(p.name for p in folder.iterdir()) == sorted([MODEL, OPTIMIZER, STATE])
    assert not any("teacher" in name for name in load_file(folder / MODEL))

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a checkpoint must not be unpickled")

    for name in ("pickle.load", "pickle.loads", "torch.load"):
        monkeypatch.setattr(name, forbidden)
    Rig().load(tmp_path)


def test_the_newest_whole_one_is_taken(tmp_path: Path) -> None:
    rig = Rig(1)
    rig.save(tmp_path, 9)
    whole = rig.save(tmp_path, 10)
    # a process that was killed while it wrote
    shutil.copytree(whole, tmp_path / FOLDER / ".step-00000011.4242.tmp")
    shutil.copytree(whole, tmp_path / FOLDER / "step-00000012", ignore=lambda *_: [STATE])
    assert checkpoint.newest(tmp_path) == whole
    assert Rig().load(tmp_path).step == 10


@pytest.mark.parametrize("at", ["save_model", "save_file", "disk.sync"])
def test_a_save_that_fails_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    rig = Rig(1)
    whole = rig.save(tmp_path, 1, keep=1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"sad.train.saving.checkpoint.{at}", full)
        with pytest.raises(OSError, match="No space"):
            rig.save(tmp_path, 2, keep=1)
    assert checkpoint.newest(tmp_path) == whole
    assert Rig().load(tmp_path).step == 1
    # what the failed one left behind goes with the next
    rig.save(tmp_path, 3, keep=1)
    assert [p.name for p in (tmp_path / FOLDER).iterdir()] == ["step-00000003"]


def test_the_oldest_go(tmp_path: Path) -> None:
    rig = Rig(1)
    for step in (1, 2, 30, 100):
        rig.save(tmp_path, step, keep=2)
    assert sorted(p.name for p in (tmp_path / FOLDER).iterdir()) == ["step-00000030", "step-00000100"]


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    Rig(1).save(tmp_path, 5)
    other = Rig(3)
    other.save(tmp_path, 5)
    found = Rig()
    found.load(tmp_path)
    assert torch.equal(tiny.weights(found.distiller), tiny.weights(other.distiller))


def refused(rig: Rig, run: Path) -> str:
    with pytest.raises(UserError) as caught:
        rig.load(run)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_run_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    assert refused(Rig(), tmp_path).endswith(f"again with: sad train --config {tmp_path}/recipe.toml")


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    Rig(1).save(tmp_path, 1)
    other = Rig()
    pair = other.plan.pair
    other.distiller = Distiller(
        tiny.model(320, layers=1, width=16, seed=0), pair.teacher, pair.vocab, other.plan.recipe.terms
    )
    assert "does not fit this run" in refused(other, tmp_path)
    other.distiller = Distiller(
        tiny.model(320, layers=2, width=32, seed=0), pair.teacher, pair.vocab, other.plan.recipe.terms
    )
    assert "does not fit this run" in refused(other, tmp_path)


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER])
def test_a_broken_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = Rig(1).save(tmp_path, 1)
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    assert f"{folder} does not fit this run" in refused(Rig(), tmp_path)
    (folder / name).unlink()
    assert f"{folder} does not fit this run" in refused(Rig(), tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"step": 1}), json.dumps({"step": "x", "skipped": 0})])
def test_a_broken_state_is_refused(tmp_path: Path, text: str) -> None:
    folder = Rig(1).save(tmp_path, 1)
    (folder / STATE).write_text(text, encoding="utf-8")
    assert f"{folder} does not fit this run" in refused(Rig(), tmp_path)


def test_without_the_broken_one_the_one_before_it_is_taken(tmp_path: Path) -> None:
    rig = Rig(1)
    rig.save(tmp_path, 1)
    folder = rig.save(tmp_path, 2)
    (folder / MODEL).unlink()
    assert refused(Rig(), tmp_path).endswith("remove it to go on from the checkpoint before it")
    shutil.rmtree(folder)
    assert Rig().load(tmp_path) == Progress(1, 1)


def test_the_newest_is_the_one_with_the_most_steps_and_no_copy_of_one(tmp_path: Path) -> None:
    rig = Rig()
    whole = rig.save(tmp_path, 9)
    shutil.copytree(whole, whole.with_name(f"{whole.name}-copy"))
    assert checkpoint.newest(tmp_path) == whole
    many = whole.with_name("step-100000000")
    shutil.copytree(whole, many)
    shutil.copytree(whole, whole.with_name("step-99999999"))
    assert checkpoint.newest(tmp_path) == many
    assert checkpoint.steps_done(tmp_path) == 100_000_000


def test_what_the_guards_remember_comes_back(tmp_path: Path) -> None:
    rig = Rig(1)
    told = Progress(3, 2, 1, "data", 4, 1, [0.1, 1 / 3], 2, 1, 7, ["loss-diverges"])
    checkpoint.save(tmp_path, told, rig.distiller, rig.optimizer, rig.objective, 2)
    assert rig.load(tmp_path) == told


def test_a_checkpoint_from_before_the_guards_is_read(tmp_path: Path) -> None:
    rig = Rig(1)
    folder = rig.save(tmp_path, 3)
    state = json.loads((folder / STATE).read_text())
    old = {key: state[key] for key in ("step", "skipped", "in_vain", "data", "weights", "means")}
    (folder / STATE).write_text(json.dumps(old))
    assert rig.load(tmp_path) == Progress(3, 1)


def test_one_of_several_is_loaded_amended_and_the_later_ones_dropped(tmp_path: Path) -> None:
    rig, weights = Rig(), {}
    for step in (2, 4, 6):
        rig.step()
        rig.objective.means["kd"] = float(step)
        rig.save(tmp_path, step, keep=9)
        weights[step] = tiny.weights(rig.distiller)
    assert [checkpoint.last_before(tmp_path, step) for step in (None, 7, 6, 4.5, 2)] == [6, 6, 4, 4, None]
    progress = checkpoint.load(tmp_path, rig.distiller, rig.optimizer, rig.objective, 4)
    assert (progress.step, rig.objective.means) == (4, {"kd": 4.0})
    assert torch.equal(tiny.weights(rig.distiller), weights[4])
    progress.rollbacks = 1
    checkpoint.drop_after(tmp_path, 4)
    checkpoint.amend(tmp_path, progress, rig.objective)
    assert checkpoint.steps_done(tmp_path) == 4
    assert rig.load(tmp_path) == progress


def test_whoever_holds_the_progress_sees_what_it_becomes() -> None:
    held = Progress(9, told=["x"])
    held.become(Progress(4, 1), rollbacks=2, told=held.told)
    assert held == Progress(4, 1, rollbacks=2, told=["x"])


def test_weights_that_are_nan_are_not_gone_on_with(tmp_path: Path) -> None:
    rig = Rig(1)
    file = rig.save(tmp_path, 3) / MODEL
    content = load_file(file)
    name = max(content)
    save_file(content | {name: content[name] * torch.nan}, file)
    with pytest.raises(UserError, match=f"its {name} holds NaN"):
        rig.load(tmp_path)


def test_a_parameter_that_lacks_a_moment_is_refused(tmp_path: Path) -> None:
    rig = Rig(1)
    file = rig.save(tmp_path, 1) / OPTIMIZER
    content = load_file(file)
    del content["0/exp_avg"]
    save_file(content, file)
    with pytest.raises(UserError, match="does not fit this run: its optimizer lacks a moment"):
        rig.load(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"step": float("inf")},
        {"step": 10**30},
        {"step": -3},
        {"cuts": 0},
        {"per_step": 1e400},
        {"weights": {"\x1b[31mx": 1.0}},
        {"weights": {"kd": "nan"}},
        {"weights": {"kd": 1e300}},
        None,
    ],
    ids=str,
)
def test_a_state_of_a_strangers_is_refused_in_one_line(tmp_path: Path, changes: dict[str, Any] | None) -> None:
    rig = Rig(1)
    file = rig.save(tmp_path, 3) / STATE
    state = json.loads(file.read_text())
    file.write_text("[" * 100_000 if changes is None else json.dumps({**state, **changes}))
    with pytest.raises(UserError, match="does not fit this run") as caught:
        rig.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert checkpoint.per_step(tmp_path) == (0 if changes is None or "per_step" in changes else state["per_step"])
