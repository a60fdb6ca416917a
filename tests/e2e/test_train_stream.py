"""`sad train` on a stream: it breaks, is mended, gone on with, killed and gone on with, on one process and on two."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import warm
from faulted.start import Process, start
from furnished import furnish, record, write

from sad_doctor import names

SECONDS = 120
STEPS = 40
"""Three pools: up to the steps 8, 24 and 56."""
OF_THE_MOMENT = ("time", names.TOKENS_PER_SECOND, names.SECONDS, names.MEMORY)


class Room:
    """A folder with a tiny pair and a stream of two segments, the first of which the first pools need."""

    def __init__(self, folder: Path, pair: Path) -> None:
        self.folder = folder
        furnish(folder, pair)
        data = {
            "text": "./text.jsonl",
            "streaming": True,
            "held_out": 2,
            "max_length": 32,
            "eval_windows": 1,
            "workers": 0,
            "shuffle_buffer": 8,
        }
        how = {"batch_size": 32, "max_steps": STEPS, "eval_every": 11, "save_every": 10, "log_every": 1}
        write(folder, data=data, train=how)
        text = (folder / "text.txt").read_text(encoding="utf-8")
        self.rows = [json.dumps({"text": f"{number} {text[97 * number : 97 * number + 900]}"}) for number in range(160)]
        self.put(self.rows)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "PYTHONUNBUFFERED": "1",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "SAD_CACHE": str(self.folder / "cache"),
        }

    def put(self, rows: list[str]) -> None:
        (self.folder / "text.jsonl").write_text("\n".join(rows), encoding="utf-8")

    def sad(self, *words: str, **more: str) -> tuple[int, str, str]:
        done = warm.sad(*words, cwd=self.folder, env={**self.environment, **more}, timeout=SECONDS)
        return done.returncode, done.stdout, done.stderr

    def start(self, *words: str, **more: str) -> Process:
        return start(*words, cwd=self.folder, streams=self.folder / "told", env={**self.environment, **more})

    def two(self, *words: str) -> list[str]:
        """Start two processes that are one run; return what they told."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        both = [self.start(*words, RANK=rank, LOCAL_RANK=rank, **world) for rank in "01"]
        told = [process.told for process in both if process.wait(SECONDS) == 0]
        assert len(told) == 2, [process.told for process in both]
        return told

    def newest(self) -> Path:
        return max((p for p in (self.folder / "runs").iterdir() if not p.is_symlink()), key=lambda p: p.stat().st_ctime)


@pytest.fixture
def room(tmp_path: Path, pair_folder: Path) -> Room:
    return Room(tmp_path, pair_folder)


def lines(run: Path) -> list[dict[str, Any]]:
    return [{key: of for key, of in line.items() if not key.startswith(OF_THE_MOMENT)} for line in record(run)]


@pytest.mark.thorough
def test_broken_killed_and_on_two_processes_it_is_one_run(room: Room) -> None:
    at = 100
    room.put([*room.rows[:at], "{", *room.rows[at:]])
    code, out, err = room.sad("train", "--config", "run.toml")
    assert (code, err) == (2, "")
    run = room.newest()
    assert f"text.jsonl, line {at + 1}: not JSON" in out
    assert out.count("not JSON") == 1
    assert "stopped after step 24 of 40 for want of data; nothing is lost. Go on with:" in out
    assert (run / "checkpoints" / "step-00000024").is_dir()
    assert not (run / "student").exists()

    # mended
    room.put(room.rows)
    process = room.start("train", "--resume", str(run))
    while "\nstep 33" not in process.told:
        assert not process.ends_within(0.05), process.told
    process.kill()
    process.wait(SECONDS)
    assert 30 <= max(int(path.name[-8:]) for path in (run / "checkpoints").iterdir()) < STEPS

    # on two processes, of which one writes
    told = room.two("train", "--resume", str(run))
    assert "".join(told).count("more of the stream as the steps need them") == 1
    assert (run / "student" / "model.safetensors").is_file()

    # prepared anew, elsewhere, by a process of its own
    code, _, err = room.sad("train", "--config", "run.toml", "--set", "data.cache=other", "--set", "data.workers=1")
    assert (code, err) == (0, "")
    whole = room.newest()
    assert whole != run
    assert [line["step"] for line in lines(run) if names.LOSS in line] == list(range(1, STEPS + 1))
    assert len(lines(run)) == len(lines(whole))
    for left, right in zip(lines(run), lines(whole), strict=True):
        for key in set(left) - {key for key in left if key.startswith(names.GRAD_SHARE)}:
            assert left[key] == pytest.approx(right[key], rel=2e-3, abs=1e-6), key
    mine, theirs = (
        {path.name for path in (room.folder / of / "streams").iterdir()} for of in ("cache/prepared", "other")
    )
    assert len(theirs) == 2
    assert mine >= theirs


def test_a_stream_that_is_too_short_ends_with_its_student(room: Room) -> None:
    room.put(room.rows[:50])
    code, out, err = room.sad("train", "--config", "run.toml", "--epochs", "1", "--set", "data.held_out=1")
    assert (code, err) == (2, "")
    run = room.newest()
    (told,) = [line for line in out.splitlines() if "the stream has ended with" in line]
    done = max(int(path.name[-8:]) for path in (run / "checkpoints").iterdir())
    assert 24 < done < STEPS
    assert f"start anew with train.max_steps = {done}" in told
    assert out.splitlines()[-1] == f"ended after step {done} of {STEPS}, with its stream"
    assert (run / "student" / "model.safetensors").is_file()


def test_a_cache_of_the_teacher_is_written_and_trained_from(room: Room) -> None:
    sets = ("--set", "train.max_steps=3", "--set", "train.batch_size=4")
    words = ("--config", "run.toml", "--cache", "kept", *sets)
    code, out, err = room.sad("cache", *words)
    assert (code, err) == (0, ""), out
    code, out, err = room.sad("train", *words)
    assert (code, err) == (0, "")
    run = room.newest()
    assert [line["step"] for line in lines(run) if names.LOSS in line] == [1, 2, 3]
    # whole steps of the first pool
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))[names.ALIGNMENT]["train_windows"] == 8 * 4

    # on two processes a step takes twice as many, unless it is made to take as many
    ahead, two = ("train", "--config", "run.toml", "--dry-run"), {"WORLD_SIZE": "2", "RANK": "0"}
    code, out, err = room.sad(*ahead, "--cache", "kept", *sets, **two)
    assert code == 2
    assert "kept has 32 windows of the stream, and 3 steps of 8 on 2 processes need 64" in out + err
    # as the line says
    more = ("--set", "train.accumulation=2")
    assert "sad cache --cache FOLDER --set train.accumulation=2" in out + err
    assert room.sad("cache", "--config", "run.toml", "--cache", "more", *sets, *more)[0] == 0
    assert room.sad(*ahead, "--cache", "more", *sets, **two)[0] == 0

    # written again for fewer windows than it has, and for more
    code, out, err = room.sad("cache", "--config", "run.toml", "--cache", "more", *sets)
    assert (code, err, "more is whole, and holds all that is asked for" in out) == (0, "", True)
    code, out, err = room.sad("cache", *words, *more)
    assert code == 2
    assert "kept has 32 windows of the stream, and 3 steps of 8 need 64: write another" in out + err


def test_windows_that_share_rows_are_the_same_on_two_processes_that_go_on_at_the_edge_of_a_pool(room: Room) -> None:
    how = ("--set", "train.packing=true", "--set", "train.max_steps=10", "--set", "train.batch_size=8")
    code, _, err = room.sad("train", "--config", "run.toml", *how, "--set", "train.save_every=8")
    assert (code, err) == (0, "")
    run = room.newest()
    # as it was when it was killed in the step after
    shutil.copytree(run, cut := room.folder / "cut")
    for left in ("checkpoints/step-00000010", "student"):
        shutil.rmtree(cut / left)
    room.two("train", "--resume", str(cut))
    assert (cut / "student" / "model.safetensors").is_file()
    both = [[line for line in lines(of) if line["step"] > 8] for of in (run, cut)]
    assert [line["step"] for line in both[1]] == [line["step"] for line in both[0]]
    assert len(both[0]) >= 2
    for left, right in zip(*both, strict=True):
        for key in set(left) - {key for key in left if key.startswith(names.GRAD_SHARE)}:
            assert left[key] == pytest.approx(right[key], rel=2e-3, abs=1e-6), key
