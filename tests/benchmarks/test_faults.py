"""Kills of the faults benchmark: real SIGKILLs of real processes, a few; and that it sees what it looks for."""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import signal
import time
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

import pytest
from faulted import hooks, whole
from faulted.kills import Counts
from faulted.moments import KINDS, NAMES, Sizes
from faulted.start import Process

from sad import tiny
from sad.train import loop

CHANGES = {"train": {"max_steps": 6, "eval_every": 3, "save_every": 2, "on_red_flag": "ignore"}}


def train(run: Path, *, resume: bool = False) -> None:
    plan = tiny.plan(CHANGES)
    loop.train(plan, run, tiny.Silent(), resume=resume)


def killed(run: Path, before: Callable[[], object], *, resume: bool = False) -> bool:
    """Train in a fork of this process that does something to itself first; return whether it was killed."""
    with warnings.catch_warnings():
        # libraries may have threads, which the fork has no need of
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            before()
            train(run, resume=resume)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.fixture(scope="module")
def never(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A run that nobody killed, and the operations on its folder."""
    folder = tmp_path_factory.mktemp("never")
    # here, so that no fork has to load a library
    train(folder / "first")
    report = folder / "operations"
    assert not killed(folder / "run", partial(hooks.note_operations, report, "/run"))
    lines = report.read_text(encoding="utf-8").splitlines()
    # renames are noted by themselves too
    return folder / "run", sum(not line.startswith(hooks.RENAME) for line in lines)


def files(run: Path) -> set[str]:
    return {path.name for path in (run / "student").iterdir()}


@pytest.mark.parametrize("share", [0.3, 0.55, 0.7, 0.8, 0.9, 0.97])
def test_a_run_that_is_killed_ends_as_one_that_is_not(tmp_path: Path, never: tuple[Path, int], share: float) -> None:
    reference, operations = never
    run = tmp_path / "killed" / "run"
    assert killed(run, partial(hooks.at_operation, "killed", int(share * operations)))
    before = whole.newest(run)
    assert before is not None
    assert list(whole.after_a_kill(run, None, files(reference))) == []
    assert killed(run, partial(hooks.torn_line, 2, 0.5), resume=True)
    assert list(whole.after_a_kill(run, before, files(reference))) == []
    train(run, resume=True)
    assert list(whole.against(run, reference)) == []


def test_a_kill_at_a_rename_is_before_it_or_after_it(tmp_path: Path) -> None:
    report = tmp_path / "operations"
    folders = {done: tmp_path / f"done-{done}" for done in (False, True)}
    for done, folder in folders.items():
        folder.mkdir()
        (folder / "new").write_text("new", encoding="utf-8")
        (folder / "old").write_text("old", encoding="utf-8")
        assert renames_are_killed(partial(hooks.at_rename, folder.name, 2, done), folder)
        # the first rename went through, the second is the one that the kill is aimed at
        assert (folder / "first").is_file()
        assert (folder / "old").read_text(encoding="utf-8") == ("new" if done else "old")
    assert not renames_are_killed(partial(hooks.at_rename, "elsewhere", 1, False), folders[True])
    assert not killed(tmp_path / "run", partial(hooks.note_operations, report, "/run"))
    assert f"{hooks.RENAME} " in report.read_text(encoding="utf-8")


def renames_are_killed(before: Callable[[], object], folder: Path) -> bool:
    child = os.fork()
    if child == 0:
        try:
            before()
            (folder / "first.tmp").touch()
            (folder / "first.tmp").rename(folder / "first")
            if (folder / "new").exists():
                (folder / "new").replace(folder / "old")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def alone_in_a_group(number: int, rendezvous: Path) -> None:
    from torch import distributed

    distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=0, world_size=1)
    hooks.at_call(number)
    for _ in range(2):
        distributed.barrier()
        (rendezvous.parent / f"met-{len(list(rendezvous.parent.glob('met-*')))}").touch()
    os._exit(0)


def test_a_kill_at_a_call_between_processes_is_before_it(tmp_path: Path) -> None:
    process = get_context("spawn").Process(target=alone_in_a_group, args=(2, tmp_path / "rendezvous"))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob("met-*")] == ["met-0"]


def test_each_life_may_end_with_a_crash_and_no_more(tmp_path: Path, never: tuple[Path, int]) -> None:
    run = tmp_path / "run"
    shutil.copytree(never[0], run)
    events = run / "events.jsonl"
    whole_text = events.read_text(encoding="utf-8")
    crash = json.dumps({"kind": "crash", "message": "gone"}) + "\n"
    resume = json.dumps({"kind": "resume", "step": 2}) + "\n"
    events.write_text(whole_text + crash + resume + crash, encoding="utf-8")
    assert list(whole.against(run, never[0])) == []
    events.write_text(whole_text + crash + resume + crash + crash, encoding="utf-8")
    assert list(whole.against(run, never[0])) == ["the event crash of step None is there 3 times"]


def test_a_lane_is_given_kinds_that_there_are() -> None:
    assert len(set(NAMES)) == len(KINDS)
    assert {kind.processes for kind in KINDS if kind.name.startswith("two, ")} == {2}
    drawn = [kind.draw(Random(1), Sizes(9.0, 40, 5, 7, 30), "runs/") for kind in KINDS if kind.draw is not None]
    assert len(drawn) == len(KINDS) - 2


def test_half_a_file_of_a_checkpoint_is_not_taken_for_one(tmp_path: Path, never: tuple[Path, int]) -> None:
    run = tmp_path / "run"
    assert killed(run, partial(hooks.torn_tensors, 4, 0.5))
    assert whole.newest(run) == 2
    assert killed(run, partial(hooks.in_evaluation, 6), resume=True)
    train(run, resume=True)
    assert list(whole.against(run, never[0])) == []


def test_what_must_not_be_is_seen(tmp_path: Path, never: tuple[Path, int]) -> None:
    reference = never[0]
    run = tmp_path / "run"
    train(run)
    assert list(whole.against(run, reference)) == []
    (run / "checkpoints" / "step-00000004" / "optimizer.safetensors").write_bytes(b"half")
    (run / "student" / "tokenizer.json").unlink()
    found = [*whole.after_a_kill(run, 8, files(reference))]
    assert [one.partition(":")[0] for one in found] == [
        "the checkpoint of step 8 is lost",
        "step-00000004 is there by name, and not whole",
        "student/ is there by name, and not whole",
    ]
    metrics = run / "metrics.jsonl"
    metrics.write_text(metrics.read_text(encoding="utf-8") + metrics.read_text(encoding="utf-8"), encoding="utf-8")
    assert any("steps twice: [1, 2, 3, 4, 5, 6]" in one for one in whole.against(run, reference))
    (run / "student" / "model.safetensors").unlink()
    assert "student/model.safetensors is missing" in list(whole.against(run, reference))


def asleep(err: Path) -> None:
    faulthandler.enable(os.open(err, os.O_WRONLY | os.O_CREAT))
    err.with_name("ready").touch()
    time.sleep(600)


def test_a_process_that_hangs_is_told_with_where_it_stands(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        handle = get_context("fork").Process(target=asleep, args=(tmp_path / "err",))
        handle.start()
    while not (tmp_path / "ready").exists():
        time.sleep(0.01)
    with pytest.raises(TimeoutError, match="in asleep"):
        Process(handle, tmp_path / "out", tmp_path / "err").wait(0.1)
    assert handle.exitcode == -signal.SIGABRT


def test_the_counts_of_lanes_are_one_count() -> None:
    first, second = Counts(Counter(export=2), 1, 3, 0, ["a"]), Counts(Counter(export=1, checkpoint=4), 0, 2, 5, ["b"])
    first.add(second)
    assert first == Counts(Counter(export=3, checkpoint=4), 1, 5, 5, ["a", "b"])
