"""`sad cache`, then `sad train --cache`, as a person runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm
from furnished import furnish
from refusal import refused

SECONDS = 120


class Room:
    """A folder with a tiny pair, a text and a recipe; commands run in it."""

    def __init__(self, folder: Path, pair: Path) -> None:
        self.folder = folder
        furnish(folder, pair)

    def start(self, *words: str) -> subprocess.Popen[str]:
        path = str(Path(__file__).resolve().parents[2])
        more = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "80", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "sad", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env={**os.environ, **more}, text=True, **pipes)

    def run(self, *words: str) -> tuple[int, str, str]:
        done = warm.sad(*words, cwd=self.folder, env={"COLUMNS": "80", "OMP_NUM_THREADS": "1"}, timeout=SECONDS)
        return done.returncode, done.stdout, done.stderr

    def train(self, *words: str) -> tuple[int, str, str]:
        return self.run("train", "--config", "run.toml", *words)


@pytest.fixture
def room(tmp_path: Path, pair_folder: Path) -> Room:
    return Room(tmp_path, pair_folder)


def cache(room: Room, folder: str, *words: str) -> tuple[int, str, str]:
    return room.run("cache", "--config", "run.toml", "--cache", folder, *words)


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.mark.thorough
def test_write_kill_go_on_and_train_without_the_teachers_weights(room: Room) -> None:
    small = ("--k", "8", "--set", "cache.shard=64")
    code, out, err = cache(room, "whole", *small)
    assert (code, err) == (0, "")
    assert "8 of 320 tokens and the rest, states of block 2, " in out
    assert "train from it with: sad train --cache whole" in out

    # killed while it writes: some files are whole, at the most one is half
    with room.start("cache", "--config", "run.toml", "--cache", "killed", *small) as process:
        until = time.monotonic() + 60
        while len(list((room.folder / "killed").glob("*.rows"))) < 2 and time.monotonic() < until:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    half = len(list((room.folder / "killed").glob("*.rows")))
    assert 2 <= half < len(list((room.folder / "whole").glob("*.rows")))
    assert "is half written: run the same `sad cache` again" in refused(room.train("--cache", "killed"))
    code, out, _ = cache(room, "killed", *small)
    assert code == 0
    assert " were there" in out
    assert files(room.folder / "killed") == files(room.folder / "whole")
    told = refused(cache(room, "killed", *small, "--set", "terms.layerwise.layers=3"))
    assert "it has no states of block 1" in told
    code, out, _ = cache(room, "killed", *small)
    assert (code, "killed is whole, and holds all that is asked for" in out) == (0, True)

    # the weights are changed, then gone
    weights = room.folder / "teacher" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    told = refused(room.train("--cache", "whole", "--max-steps", "2"))
    assert told.startswith("whole is not a cache of this run: the teacher's weights are others; put back")
    weights.unlink()
    code, out, err = room.train("--cache", "whole", "--max-steps", "3")
    assert (code, err) == (0, "")
    assert "teacher from whole: 8 tokens and the rest, " in out
    assert "step 3/3" in out
    # the recipe on record leads back to the cache
    shutil.rmtree(room.folder / "runs" / "latest" / "student")
    code, _, err = room.run("train", "--resume", "runs/latest")
    assert (code, err) == (0, "")


def test_a_dry_run_tells_size_and_time_and_writes_nothing(room: Room) -> None:
    code, out, err = cache(room, "c", "--dry-run", "--k", "8", "--bits", "8")
    assert (code, err) == (0, "")
    assert "common boundaries: 8 of 320 tokens" in out
    assert "about 0:0" in out
    assert not (room.folder / "c").exists()


def test_mistakes_are_one_line(room: Room) -> None:
    assert "name the folder of the cache" in refused(room.run("cache", "--config", "run.toml"))
    assert "cache.bits" in refused(cache(room, "c", "--bits", "9"))
    assert "run.toml is a file" in refused(cache(room, "run.toml", "--dry-run"))
    assert "holds no cache of a teacher" in refused(room.train("--cache", "nowhere"))


def test_another_length_and_another_temperature_are_named(room: Room) -> None:
    assert cache(room, "c", "--k", "8")[0] == 0
    told = refused(room.train("--cache", "c", "--set", "data.max_length=40"))
    assert "the training examples are others (data.text, data.max_length," in told
    assert "terms.kd.temperature is another" in refused(room.train("--cache", "c", "--set", "terms.kd.temperature=2"))
    assert "no states of block 1" in refused(room.train("--cache", "c", "--set", "terms.layerwise.layers=3"))
    assert json.loads((room.folder / "c" / "manifest.json").read_text())["key"]["k"] == 8
