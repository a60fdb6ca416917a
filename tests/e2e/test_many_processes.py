"""`sad train` under a launcher: four processes are one, a signal saves, a failure ends all of them with one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import warm
from safetensors.torch import load_file

from sad_doctor import names

SECONDS = 150
RECIPE = """
[teacher]
model = "./teacher"
[student]
model = "./student"
[data]
text = "./short.txt"
held_out = "./text.txt"
max_length = 32
eval_windows = 5
[train]
batch_size = {size}
accumulation = {accumulation}
device = "cpu"
precision = "fp32"
eval_every = 1000
save_every = 1000
epochs = 1
"""

SAME = (
    *("step", names.LOSS, names.GRAD_NORM, names.UPDATE_RATIO, names.COVERAGE, names.RAW, names.WEIGHTED),
    *(names.EVAL_LOSS, names.EVAL_LM_LOSS, names.EVAL_KL, names.EVAL_AGREEMENT, names.EVAL_MAPPED, names.EVAL_RAW),
    names.TEACHER_EVAL_LM_LOSS,
)
"""What a line says of all processes, by name or by how it begins; the rest is of the moment, or of one of them."""


class Room:
    def __init__(self, folder: Path, pair: Path) -> None:
        self.folder = folder
        for name in ("teacher", "student"):
            shutil.copytree(pair / name, folder / name)
        text = (pair / "text.txt").read_text(encoding="utf-8").split("\n\n")
        (folder / "text.txt").write_text("\n\n".join(text[:20]), encoding="utf-8")
        (folder / "short.txt").write_text("\n\n".join(text[:4]), encoding="utf-8")

    def start(self, processes: int, *words: str, **more: str) -> subprocess.Popen[str]:
        """Start ``sad train`` under torchrun, or alone."""
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        settings = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "80", **more}
        return subprocess.Popen(
            [sys.executable, *(launcher if processes > 1 else []), "-m", "sad", "train", *words],
            cwd=self.folder,
            env={**os.environ, **settings},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def train(self, processes: int, *words: str, **more: str) -> tuple[int, str, str]:
        with self.start(processes, *words, **more) as process:
            return ended(process)

    def forked(self, processes: int, *words: str, **more: str) -> list[subprocess.CompletedProcess[str]]:
        """Do the same without a launcher, in processes that need not import anything."""
        settings = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "80", **more}
        return warm.together(processes, "train", *words, cwd=self.folder, env=settings, timeout=SECONDS)

    def write(self, size: int, accumulation: int) -> None:
        (self.folder / "run.toml").write_text(RECIPE.format(size=size, accumulation=accumulation), encoding="utf-8")

    def runs(self) -> list[Path]:
        return sorted(p for p in (self.folder / "runs").iterdir() if not p.is_symlink())

    def lines(self, run: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
        return [json.loads(line) for line in (run / name).read_text(encoding="utf-8").splitlines()]

    def same(self, one: Path, other: Path) -> None:
        """Both runs have the same record, but for the time, and the same student."""
        mine, theirs = self.lines(one), self.lines(other)
        assert len(mine) == len(theirs)
        for left, right in zip(mine, theirs, strict=True):
            compared = {key for key in left if key in SAME or key.startswith(SAME)}
            assert compared <= right.keys()
            for key in compared:
                assert left[key] == pytest.approx(right[key], rel=2e-3, abs=1e-6), key
        assert sum(names.LOSS in line for line in mine) > 1
        weights, others = (load_file(run / "student" / "model.safetensors") for run in (one, other))
        assert weights.keys() == others.keys()
        for name, value in weights.items():
            torch.testing.assert_close(others[name], value, rtol=2e-3, atol=2e-5)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        # the launcher ends its workers
        process.terminate()
        raise
    return process.returncode, out, err


def ours(err: str) -> list[str]:
    """Return what sad itself said on stderr; the rest is the launcher's."""
    return [line for line in err.splitlines() if line.startswith("sad: ")]


@pytest.fixture
def room(tmp_path: Path, pair_folder: Path) -> Room:
    return Room(tmp_path, pair_folder)


def test_four_processes_are_one_with_whole_weights_and_with_pieces(room: Room) -> None:
    """Windows of unequal length, and a last step in which some processes have none."""
    room.write(size=4, accumulation=2)
    (done,) = room.forked(1, "--config", "run.toml")
    assert (done.returncode, done.stderr) == (0, "")
    (alone,) = room.runs()
    windows = json.loads((alone / "run.json").read_text(encoding="utf-8"))[names.ALIGNMENT]["train_windows"]
    assert 0 < windows % 8 < 4
    room.write(size=1, accumulation=2)
    for environment in ({}, {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}):
        several = room.forked(4, "--config", "run.toml", **environment)
        assert [(one.returncode, ours(one.stderr)) for one in several] == [(0, [])] * 4
        assert ["student before" in one.stdout for one in several] == [True, False, False, False]
        (found,) = set(room.runs()) - {alone}
        room.same(alone, found)
        shutil.rmtree(found)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.thorough
def test_a_signal_saves_on_all_and_the_run_goes_on_with_one(room: Room, number: int) -> None:
    room.write(size=1, accumulation=2)
    with room.start(2, "--config", "run.toml", "--epochs", "100", "--max-steps", "400") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("step 1/400"):
                break
        # a terminal sends it to every process, and the launcher hands it on
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        _, out, err = ended(process)
    (run,) = room.runs()
    (saved,) = (run / "checkpoints").iterdir()
    done = int(saved.name.removeprefix("step-"))
    assert 1 <= done < 400
    assert ours(err) == []
    assert f"stopped after step {done} of 400" in out
    assert room.lines(run, "events.jsonl")[-1]["kind"] == names.EVENT_INTERRUPT
    with room.start(1, "--resume", str(run)) as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if line.startswith(f"step {done + 1}/400"):
                break
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 143
    assert "400 steps of 4 windows" in "".join(told)


@pytest.mark.thorough
def test_one_that_fails_ends_all_with_one_line(room: Room) -> None:
    room.write(size=1, accumulation=1)
    # the second process meets an error in its second step
    (room.folder / "sitecustomize.py").write_text(
        "import os\n"
        "if os.environ.get('RANK') == '1':\n"
        "    import sad.distiller as d\n"
        "    kept, seen = d.Distiller.forward, []\n"
        "    def forward(self, *more):\n"
        "        seen.append(1)\n"
        "        if len(seen) == 2:\n"
        "            raise RuntimeError('the second process is broken')\n"
        "        return kept(self, *more)\n"
        "    d.Distiller.forward = forward\n",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(room.folder), os.environ.get("PYTHONPATH", "")])
    started = time.monotonic()
    code, _, err = room.train(2, "--config", "run.toml", PYTHONPATH=path)
    assert code == 1
    assert time.monotonic() - started < SECONDS
    (told,) = ours(err)
    assert told.startswith("sad: process 1 of 2: RuntimeError: the second process is broken; ")
    (run,) = room.runs()
    assert "the second process is broken" in (run / "traceback-1.txt").read_text(encoding="utf-8")
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))[names.STATUS] == "crashed"


@pytest.mark.thorough
def test_a_mistake_is_told_once(room: Room) -> None:
    room.write(size=1, accumulation=1)
    code, _, err = room.train(2, "--config", "run.toml", "--teacher", "./nothing")
    assert code == 1
    assert ours(err) == ["sad: no such folder: ./nothing; name the folder that holds the model"]
    # with DeepSpeed there is no stage 0, and without it none at all
    asked = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "0"}
    first, second = room.forked(2, "--config", "run.toml", **asked)
    assert first.returncode == 2
    (told,) = ours(first.stderr + second.stderr)
    assert told.startswith("sad: accelerate's configuration asks for ")
    assert not (room.folder / "runs").exists()
