"""What the training loop leaves behind: its checkpoints and the exported student, with the scores on record."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from sad import tiny
from sad.align.reader import Reader
from sad.data import collate
from sad.distiller import Distiller
from sad.evaluate import evaluate
from sad.models.forward import body
from sad.objective import Objective
from sad.pair import load_teacher, load_tokenizer
from sad.recipe.schema import Teacher
from sad.shipped.preparation import streamed
from sad.subjects.kept import Claim, Keeper, Kept, Weights
from sad.train.optimizer import make_optimizer
from sad.train.plan import Plan
from sad.train.saving import checkpoint, folder
from sad.train.watch.interrupt import Unheard
from sad_doctor import names
from sad_doctor.record import EVENTS

STEPS, KEEP = 7, 2
MINUTES, PER_STEP = 2.0, 40.5
"""Minutes between two saves and seconds of a step, on a clock of its own: a save is due after every third step."""
SAVES = (3, 6, 7)
SAVED = (".json", ".safetensors")
FULL = "I/O error: No space left on device (os error 28)"
"""What safetensors says of a full disk."""


def shipped_kept() -> Keeper:
    """Return the code that trains."""
    return _run


def _run() -> Kept:
    """Run the loop, evaluating and saving now and then, and read what it wrote."""
    steps = {"max_steps": STEPS, "eval_every": SAVES[0], "save_every": 10 * STEPS, "log_every": STEPS}
    saves = {"save_minutes": MINUTES, "keep_checkpoints": KEEP}
    plan = tiny.plan({"train": {**steps, **saves, "batch_size": 4}}, of=tiny.pair(320, 320))
    student = plan.pair.student
    start = _copy(student)
    with TemporaryDirectory() as made, _scored(student) as scored, _clock(), _synced() as unsynced:
        where, beside = Path(made), _what_others_left(Path(made))
        record = tiny.train(plan, where, signals=Unheard()).record
        told = {line["step"]: line["eval/lm_loss"] for line in record if "eval/lm_loss" in line}
        claims = [
            Claim(f"the checkpoint of step {step}", told[step], _checkpoint(plan, where, step))
            for step in SAVES[-KEEP:]
        ]
        exported = str(where / folder.STUDENT)
        weights = _copy(load_teacher(Teacher(model=exported), torch.float32))
        claims.append(Claim("the exported student", told[STEPS], weights))
        readers = plan.pair.readers
        assert Reader(load_tokenizer(exported)).fingerprint == readers.student.fingerprint, "exported with another"
        at = sorted({0, *(e["step"] for e in _events(where) if e["kind"] == names.EVENT_CHECKPOINT), STEPS})
        every = where / checkpoint.FOLDER
        left = sorted({path.name for path in every.iterdir()} - beside - {_name(step) for step in SAVES[-KEEP:]})
        loose = unsynced(every)
    told_of_full, more = _on_a_full_disk(plan)
    return Kept(
        [*claims, *_of_a_stream()],
        lambda weights: _score(plan, weights),
        start,
        _copy(student),
        scored,
        [(after - before) * PER_STEP / (60 * MINUTES) for before, after in pairwise(at)],
        PER_STEP / (60 * MINUTES),
        [*left, *more],
        loose,
        told_of_full,
    )


def _of_a_stream() -> list[Claim]:
    """What is saved of a run whose text is at its end before its steps are."""
    more = {"max_steps": STEPS, "eval_every": STEPS, "save_every": STEPS, "batch_size": 4, "epochs": 1}
    plan = tiny.plan({"train": more}, of=tiny.pair(320, 320))
    texts = tiny.TEXT.split("\n\n")[:2]
    with TemporaryDirectory() as made, streamed(texts, plan.pair.readers, plan.recipe.data.max_length) as read:
        record = tiny.train(replace(plan, train=read, steps=STEPS), Path(made), signals=Unheard()).record
        told = {line["step"]: line["eval/lm_loss"] for line in record if "eval/lm_loss" in line}
        last = max(told)
        assert 0 < last < STEPS, "a text that ended is not scored, or goes on"
        exported = load_teacher(Teacher(model=str(Path(made) / folder.STUDENT)), torch.float32)
        return [
            Claim("the exported student of a text that ended", told[last], _copy(exported)),
            Claim("the last checkpoint of a text that ended", told[last], _checkpoint(plan, Path(made), last)),
        ]


def _name(step: int) -> str:
    return f"{checkpoint.STEP}{step:08d}"


def _events(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / EVENTS).read_text(encoding="utf-8").splitlines()]


def _what_others_left(run: Path) -> set[str]:
    """Put into the folder of the saves what may lie there; return the names of what is none of the run's business.

    What a process that was killed had begun is: its temporary folder, and one with a whole name and no state. A file is
    not, nor is a save that was moved to another disk and is linked.
    """
    saves = run / checkpoint.FOLDER
    for half in (f".{_name(1)}.1.tmp", _name(SAVES[0])):
        (saves / half).mkdir(parents=True)
        (saves / half / "half").touch()
    moved = run / "elsewhere"
    moved.mkdir()
    (moved / checkpoint.STATE).touch()
    note, link = f".{checkpoint.STEP}note.tmp", _name(0)
    (saves / note).touch()
    (saves / link).symlink_to(moved, target_is_directory=True)
    return {note, link}


@contextmanager
def _clock() -> Iterator[None]:
    """A clock that goes on by ``PER_STEP`` at each optimizer step, and stands still in between."""
    seconds = time.monotonic()

    def tick(*_: object) -> None:
        nonlocal seconds
        seconds += PER_STEP

    hook = register_optimizer_step_post_hook(tick)
    try:
        with patch.object(time, "monotonic", lambda: seconds):
            yield
    finally:
        hook.remove()


@contextmanager
def _synced() -> Iterator[Callable[[Path], list[str]]]:
    """Note what is handed to the disk; give what tells of a folder and the files below it which were not, or are open.

    Nothing is waited for: the disk has its own time.
    """
    seen: set[tuple[int, int]] = set()

    def note(handle: int) -> None:
        seen.add((handle, os.fstat(handle).st_ino))

    def unsynced(top: Path) -> list[str]:
        every = [top, *(path for path in top.rglob("*") if path.is_file() and path.name.endswith(SAVED))]
        open_still = [f"handle {handle}" for handle, inode in seen if _inode(handle) == inode]
        return [path.name for path in every if path.stat().st_ino not in {inode for _, inode in seen}] + open_still

    with patch.object(os, "fsync", note):
        yield unsynced


def _inode(handle: int) -> int | None:
    try:
        return os.fstat(handle).st_ino
    except OSError:
        return None


def _on_a_full_disk(plan: Plan) -> tuple[str, list[str]]:
    """What a save ends with where it meets a full disk, and what it leaves."""

    def full(*_: object) -> None:
        raise SafetensorError(FULL)

    distiller = _distiller(plan)
    parts = (checkpoint.Progress(), distiller, make_optimizer(distiller, plan.recipe.train), Objective({}))
    with patch.object(checkpoint, "save_file", full), TemporaryDirectory() as made:
        try:
            checkpoint.save(Path(made), *parts, keep=KEEP)
        except OSError as error:
            return str(error), [path.name for path in (Path(made) / checkpoint.FOLDER).iterdir()]
    return "success", []


def _checkpoint(plan: Plan, run: Path, step: int) -> Weights:
    distiller = _distiller(plan)
    load_model(distiller, str(run / checkpoint.FOLDER / _name(step) / checkpoint.MODEL))
    return _copy(distiller.student)


def _score(plan: Plan, weights: Weights) -> float:
    distiller = _distiller(plan)
    distiller.student.load_state_dict(dict(weights))
    batches = [collate(plan.held_out, plan.pair.readers)]
    size = plan.recipe.train.batch_size
    assert len(plan.held_out) <= size, "one batch holds them all"
    return evaluate(distiller, batches, Objective(dict(plan.recipe.terms.weights))).likelihood.lm_loss


def _distiller(plan: Plan) -> Distiller:
    """A distiller around a student whose own weights are others."""
    pair = replace(plan.pair, student=tiny.model(plan.pair.readers.student.size, layers=2, width=16, seed=9))
    with torch.random.fork_rng(devices=[]):
        return Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms)


@contextmanager
def _scored(student: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The student's weights at its last pass in evaluation mode."""
    seen: dict[str, Tensor] = {}

    def look(module: nn.Module, *_: object) -> None:
        if not module.training:
            seen.update(_copy(student))

    hook = body(student).register_forward_pre_hook(look)
    try:
        yield seen
    finally:
        hook.remove()


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
