"""What watches over a run, as a person meets it: the hours, the copies, the red flags, the memory, the trackers."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import warm
from furnished import furnish, record

from sad_doctor import names

SECONDS = 240
SLOW_MACHINE = """
import time
real, ahead = time.monotonic, 0.0
time.monotonic = lambda: real() + ahead
from torch.optim.optimizer import register_optimizer_step_post_hook
from sad.train import loop
from sad.cli.app import main
def later(hours):
    global ahead
    ahead += 3600 * hours
made = loop.make_parts
def parts(plan):
    later(0.6)
    register_optimizer_step_post_hook(lambda *_: later(0.1))
    return made(plan)
loop.make_parts = parts
main()
"""
"""By its clock it takes 0.6 hours to load, and 0.1 for each step."""
SMALL_MEMORY = """
import os, sys
from sad.train import loop
from sad.cli.app import main
made = loop.make_parts
def parts(plan):
    def look(_module, _given, named):
        if os.environ["RANK"] == os.environ["SHORT"] and named["input_ids"].shape[0] > 1 and plan.pair.student.training:
            raise MemoryError("planted")
    plan.pair.student.model.register_forward_pre_hook(look, with_kwargs=True)
    return made(plan)
loop.make_parts = parts
main()
"""


class Room:
    def __init__(self, folder: Path, pair: Path) -> None:
        self.folder = folder
        furnish(folder, pair)

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        own = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "80", **more}
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(part for part in (more.get("PYTHONPATH"), root) if part)
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={**os.environ, **own, "PYTHONPATH": path},
            text=True,
            capture_output=True,
            timeout=SECONDS,
        )

    def sad(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command in a process that need not import anything."""
        own = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "80"}
        return warm.sad(*words, cwd=self.folder, env=own, timeout=SECONDS)

    def train(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.sad("train", "--config", "run.toml", *words)

    def lines(self, run: Path | str = "runs/latest", name: str = "metrics.jsonl") -> list[dict[str, Any]]:
        return record(self.folder / run, name)


@pytest.fixture
def room(tmp_path: Path, pair_folder: Path) -> Room:
    return Room(tmp_path, pair_folder)


@pytest.mark.thorough
def test_the_hours_end_a_run_and_another_machine_goes_on_from_the_copy(room: Room) -> None:
    (room.folder / "slow.py").write_text(SLOW_MACHINE)
    train = ("slow.py", "train", "--max-hours", "1")
    new = ("--config", "run.toml", "--push-checkpoint", "far", "--epochs", "100000")
    done = room.run(*train, *new, "--set", "train.gradient_checkpointing=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert ": train.max_hours is reached; nothing is lost. Go on with:" in done.stdout
    (run,) = [p for p in (room.folder / "runs").iterdir() if not p.is_symlink()]
    # after 0.9 hours: one more step could take 0.15, and the checkpoint wants two minutes
    assert [saved.name for saved in (run / "checkpoints").iterdir()] == ["step-00000003"]
    assert room.lines(name="events.jsonl")[-1]["kind"] == names.EVENT_TIME_IS_UP
    shutil.rmtree(room.folder / "runs")
    copy = room.folder / "far" / run.name
    again = room.run(*train, "--resume", f"far/{run.name}")
    assert (again.returncode, again.stderr) == (0, "")
    assert f"run: {copy}" in again.stdout
    assert [line["step"] for line in room.lines(copy) if names.LOSS in line] == [1, 2, 3, 4, 5, 6]
    refused = room.sad("train", "--resume", f"far/{run.name}", "--epochs", "1")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--resume goes on with the run's own recipe" in refused.stderr


def test_a_red_flag_stops_a_run_where_it_is_told_to_and_warns_by_itself(room: Room) -> None:
    heavy = ("--max-steps", "30", "--set", "terms.layerwise.weight=1000")
    done = room.train(*heavy, "--on-red-flag", "stop")
    assert (done.returncode, done.stderr) == (1, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("stopped after step")]
    assert line.startswith("stopped after step 10 of 30 for a red flag (R203 term-dominates: The term layerwise is ")
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("step 10: R203")]
    assert told.removeprefix("step 10: ") in line
    assert room.sad("doctor", "runs/latest", "--report").returncode == 1
    resumed = room.sad("train", "--resume", "runs/latest", "--on-red-flag", "warn")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert [line["step"] for line in room.lines() if names.LOSS in line] == list(range(1, 31))
    flags = [e["message"] for e in room.lines(name="events.jsonl") if e["kind"] == names.EVENT_RED_FLAG]
    assert sum(message.startswith("R203") for message in flags) == 1


def test_a_way_that_does_not_exist_is_one_line(room: Room) -> None:
    done = room.train("--on-red-flag", "explode")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "train.on_red_flag: input should be 'ignore', 'warn', 'stop' or 'rollback'" in done.stderr


TRACKIO = """
import json, sys
class Config(dict):
    def update(self, values, **_): super().update(values)
config = Config()
class Run:
    def log(self, values, step=None):
        with open("tracked.jsonl", "a") as file:
            file.write(json.dumps({"step": step, "values": values, "config": config}) + "\\n")
    def finish(self): open("finished", "w").close()
def init(project, **_): return Run()
"""


def test_a_tracker_gets_the_lines_of_the_record(room: Room) -> None:
    library = room.folder / "library"
    (library / "trackio-1.0.dist-info").mkdir(parents=True)
    (library / "trackio-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: trackio\nVersion: 1.0\n")
    (library / "trackio.py").write_text(TRACKIO)
    words = ("--config", "run.toml", "--max-steps", "3", "--set", 'train.trackers=["trackio"]')
    done = room.run("-m", "sad", "train", *words, PYTHONPATH=str(library))
    assert (done.returncode, done.stderr) == (0, "")
    tracked = [json.loads(line) for line in (room.folder / "tracked.jsonl").read_text().splitlines()]
    record = room.lines()
    assert [one["step"] for one in tracked] == [line["step"] for line in record]
    for one, line in zip(tracked, record, strict=True):
        assert one["values"] == {key: value for key, value in line.items() if key not in {"step", "time"}}
    assert tracked[0]["config"]["train.max_steps"] == 3
    assert (room.folder / "finished").exists()


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="it is installed")
def test_a_tracker_that_is_not_installed_is_one_line(room: Room) -> None:
    done = room.train("--set", 'train.trackers=["wandb"]')
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "train.trackers: wandb is not installed: pip install wandb" in done.stderr
    assert not (room.folder / "runs").exists()


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.thorough
def test_one_process_of_two_without_memory_makes_both_cut_their_micro_batches(room: Room, accumulation: int) -> None:
    (room.folder / "short.py").write_text(SMALL_MEMORY)
    more = ("--set", f"train.accumulation={accumulation}", "--max-steps", "3", "--batch-size", "2")
    words = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "short.py", "train")
    done = room.run(*words, "--config", "run.toml", *more, SHORT="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("from here on 1 windows a micro-batch in place of 2") == 1
    (run,) = [p for p in (room.folder / "runs").iterdir() if not p.is_symlink()]
    found = [line for line in room.lines(run) if names.LOSS in line]
    assert [line[names.MICRO_BATCH_CUTS] for line in found] == [2, 2, 2]
    alone = room.train("--set", f"train.accumulation={2 * accumulation}", "--max-steps", "3", "--batch-size", "2")
    assert alone.returncode == 0, alone.stderr
    expected = [line for line in room.lines() if names.LOSS in line]
    for left, right in zip(found, expected, strict=True):
        for key in (names.LOSS, names.GRAD_NORM, names.RAW + "kd", names.RAW + "lm"):
            assert left[key] == pytest.approx(right[key], rel=2e-3), key
