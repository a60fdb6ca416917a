"""What ends a run, or keeps it from a bad end: steps in vain, other data, a full disk, a checkpoint that is due."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from sad import tiny
from sad.errors import TrainingError, UserError
from sad.train.guards import Saved
from sad.train.in_vain import IN_A_ROW
from sad.train.plan import Plan
from sad.train.saving import checkpoint, disk
from sad.train.saving.checkpoint import Progress
from sad_doctor import names

FULL = "Error while serializing: I/O error: No space left on device (os error 28)"


def plan(text_from: int = 0, **train: Any) -> Plan:
    made = tiny.plan({"train": {"max_steps": 4, "eval_every": 4, "save_every": 2, **train}})
    made.train[:] = made.train[text_from:]
    return made


def lost(steps: int) -> Plan:
    """A student of whose steps none is finite."""
    made = tiny.plan({"train": {"max_steps": steps, "eval_every": 100, "save_every": 100}})
    student = made.pair.student
    student.model.norm.register_forward_hook(lambda _, __, states: states * 1e38 if student.training else states)
    return made


@pytest.mark.parametrize(("steps", "last"), [(3, 3), (30, IN_A_ROW)])
def test_a_run_whose_weights_cannot_move_is_no_success(tmp_path: Path, steps: int, last: int) -> None:
    with pytest.raises(TrainingError, match=f"the last {last} steps were all left out") as error:
        tiny.train(lost(steps), tmp_path)
    assert "\n" not in str(error.value)
    assert json.loads((tmp_path / "run.json").read_text())[names.STATUS] == "crashed"
    assert not (tmp_path / "student").exists()


def test_a_step_that_counts_ends_the_row() -> None:
    progress = Progress()
    for finite in (False, False, True, False):
        progress.took(finite, 0)
    assert (progress.step, progress.skipped, progress.in_vain) == (4, 3, 1)


def test_other_data_or_another_order_of_it_is_not_gone_on_with(tmp_path: Path) -> None:
    tiny.train(plan(), tmp_path)
    with pytest.raises(UserError, match="put it back"):
        tiny.train(plan(text_from=1, max_steps=6), tmp_path, resume=True)
    # the same examples, in other batches
    for other, told in (
        ({"packing": True, "buckets": False}, "rows of several windows, drawn from the seed 0"),
        (
            {"packing": True},
            "rows of several windows, with about as many tokens in both tokenizers, drawn from the seed 0",
        ),
        ({"buckets": False}, "windows of any length, drawn from the seed 0"),
        ({"seed": 5}, "windows of about one length, drawn from the seed 5"),
    ):
        with pytest.raises(UserError, match=rf"take windows of about one length.* seed 0, and .* take {told}: put"):
            tiny.train(plan(max_steps=6, **other), tmp_path, resume=True)
    assert tiny.train(plan(max_steps=6), tmp_path, resume=True).result.step == 6


def test_a_fingerprint_is_of_the_examples_and_their_order() -> None:
    first = plan()
    assert plan().fingerprint == first.fingerprint
    assert plan(text_from=1).fingerprint != first.fingerprint
    first.train.reverse()
    assert plan().fingerprint != first.fingerprint


def test_a_checkpoint_is_due_after_some_minutes_whatever_the_steps(tmp_path: Path) -> None:
    run = tiny.train(plan(save_every=100, save_minutes=1e-9, keep_checkpoints=9), tmp_path)
    assert run.result.step == 4
    kept = sorted(p.name for p in (tmp_path / checkpoint.FOLDER).iterdir())
    assert kept == [f"step-{step:08}" for step in (1, 2, 3, 4)]


def test_the_clock_starts_anew_with_every_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    saved = Saved(None, 0.0)
    now[0] = 901.0
    assert saved.due(15)
    saved.now(7)
    assert (saved.step, saved.due(15)) == (7, False)


def full_at(monkeypatch: pytest.MonkeyPatch, *files: int) -> None:
    """Let the disk be full when these files of checkpoints are written, counted from 1: two a checkpoint."""
    written: list[None] = []
    real = checkpoint.save_file

    def save_file(what: Any, name: str) -> None:
        written.append(None)
        if len(written) in files:
            raise SafetensorError(FULL)
        real(what, name)

    monkeypatch.setattr(checkpoint, "save_file", save_file)


def test_a_full_disk_costs_a_checkpoint_and_not_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full_at(monkeypatch, 2)
    done = tiny.train(plan(max_steps=6), tmp_path)
    assert done.result.step == 6
    assert sorted(p.name for p in (tmp_path / checkpoint.FOLDER).iterdir()) == ["step-00000002", "step-00000006"]
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    (told,) = [event for event in events if event["kind"] == names.EVENT_WARNING]
    assert (told["step"], told["message"]) == (
        4,
        "the checkpoint could not be written (No space left on device (os error 28)); the newest is that of step 2. "
        "The run goes on, and writes one when it is next due",
    )
    assert json.loads((tmp_path / "run.json").read_text())[names.STATUS] == "finished"


def test_the_student_is_kept_where_the_last_checkpoint_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full_at(monkeypatch, 2)
    assert tiny.train(plan(), tmp_path).result.step == 4
    assert sorted(p.name for p in (tmp_path / checkpoint.FOLDER).iterdir()) == ["step-00000002"]
    assert (tmp_path / "student" / "model.safetensors").is_file()


def test_a_run_that_is_told_to_end_and_cannot_save_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_at(monkeypatch, 1, 2)
    with pytest.raises(OSError, match=r"^No space left on device \(os error 28\)$"):
        tiny.train(plan(save_every=100, max_hours=1e-9), tmp_path)
    assert not any((tmp_path / checkpoint.FOLDER).iterdir())
    assert json.loads((tmp_path / "run.json").read_text())[names.STATUS] == "crashed"


def test_only_errors_of_writing_are_translated() -> None:
    with pytest.raises(OSError, match="No space left"), disk.errors():
        raise SafetensorError(FULL)
    with pytest.raises(OSError, match="gone") as error, disk.errors():
        raise OSError(errno.ENOENT, "gone")
    assert error.value.errno == errno.ENOENT
