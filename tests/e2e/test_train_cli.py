"""`sad train` as a person runs it: a process of its own, a folder of its own, one line for every mistake."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import warm
from furnished import furnish, record, write
from refusal import refused

from sad_doctor import names

SECONDS = 60


class Room:
    """A folder with a tiny pair, a text and a recipe; commands run in it."""

    def __init__(self, folder: Path, pair: Path) -> None:
        self.folder = folder
        furnish(folder, pair)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "80", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

    def start(self, *words: str, module: str = "sad") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: str, module: str | None = None) -> tuple[int, str, str]:
        if module is None:
            done = warm.sad(*words, cwd=self.folder, env=self.environment, timeout=SECONDS)
            return done.returncode, done.stdout, done.stderr
        with self.start(*words, module=module) as process:
            try:
                out, err = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                # a launcher passes it on to its workers
                process.terminate()
                raise
        return process.returncode, out, err

    def train(self, *words: str) -> tuple[int, str, str]:
        return self.run("train", "--config", "run.toml", *words)

    def lines(self, run: str = "runs/latest", name: str = "metrics.jsonl") -> list[dict[str, Any]]:
        return record(self.folder / run, name)


@pytest.fixture
def room(tmp_path: Path, pair_folder: Path) -> Room:
    return Room(tmp_path, pair_folder)


def test_a_run_from_the_first_word_to_the_student(room: Room) -> None:
    code, out, err = room.train("--max-steps", "4", "--seed", "3")
    assert (code, err) == (0, "")
    assert "4 steps of 4 windows on cpu, fp32" in out
    assert "step 4/4" in out
    for row in ("student before", "student after", "teacher"):
        assert row in out
    (run,) = [p for p in (room.folder / "runs").iterdir() if not p.is_symlink()]
    assert f"sad doctor runs/{run.name}" in out
    assert (room.folder / "runs" / "latest").resolve() == run.resolve()
    assert tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))["train"]["seed"] == 3
    assert [line["step"] for line in room.lines() if names.LOSS in line] == [1, 2, 3, 4]
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))[names.STATUS] == "finished"
    assert (run / "student" / "model.safetensors").is_file()
    assert (run / "student" / "tokenizer.json").is_file()


def test_a_dry_run_prints_the_recipe_and_the_plan_and_writes_nothing(room: Room) -> None:
    deep = room.folder / ("a-folder-with-a-name-that-is-longer-than-a-line-" * 3)
    deep.mkdir()
    shutil.copy(room.folder / "text.txt", deep / "text.txt")
    code, out, err = room.train("--dry-run", "--data", str(deep / "text.txt"), "--set", "terms.kd.temperature=2")
    assert (code, err) == (0, "")
    recipe, plan = out.split("\n\nteacher ./teacher", 1)
    found = tomllib.loads(recipe)
    assert found["data"]["text"] == str(deep / "text.txt")
    assert found["terms"]["kd"]["temperature"] == 2
    assert "steps of 4 windows" in plan
    assert not (room.folder / "runs").exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.thorough)]
)
def test_a_signal_saves_and_says_how_to_go_on_and_going_on_finishes(room: Room, number: int, code: int) -> None:
    with room.start("train", "--config", "run.toml", "--max-steps", "60") as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if line.startswith("step 1/60"):
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (code, "")
    (resume,) = [line.split() for line in out.splitlines() if "--resume" in line]
    (saved,) = (room.folder / "runs" / "latest" / "checkpoints").iterdir()
    stopped = int(saved.name.removeprefix("step-"))
    assert 1 <= stopped < 60
    assert f"stopped after step {stopped} of 60" in out
    last = room.lines(name="events.jsonl")[-1]
    assert (last["kind"], last["step"]) == (names.EVENT_INTERRUPT, stopped)

    again, out, err = room.run(*resume[1:])
    assert (again, err) == (0, "")
    assert f"student at step {stopped}" in out
    assert [line["step"] for line in room.lines() if names.LOSS in line] == list(range(1, 61))
    assert (room.folder / "runs" / "latest" / "student" / "model.safetensors").is_file()


def test_two_processes_are_one(room: Room) -> None:
    # the last step of the pass has three windows: two for the first process, one and a blank for the second
    write(room.folder, train={"batch_size": 1, "accumulation": 6})
    words = ("--epochs", "1", "--set", "data.text=short.txt", "--set", "data.held_out=text.txt")
    paragraphs = (room.folder / "text.txt").read_text(encoding="utf-8").split("\n\n")
    (room.folder / "short.txt").write_text("\n\n".join(paragraphs[:3]), encoding="utf-8")
    code, out, err = room.run(
        "--standalone", "--nproc_per_node", "2", "-m", "sad", "train", "--config", "run.toml", *words,
        module="torch.distributed.run",
    )  # fmt: skip
    assert code == 0, err
    assert out.count("student before") == 1
    (run,) = [p.name for p in (room.folder / "runs").iterdir() if not p.is_symlink()]
    together = room.lines(f"runs/{run}")
    code, _, err = room.train(*words, "--batch-size", "2")
    assert code == 0, err
    alone = room.lines()
    assert len(together) == len(alone)
    steps = 0
    for left, right in zip(together, alone, strict=True):
        # the shares of the gradient are of each process's own micro-batch
        apart = ("time", names.TOKENS_PER_SECOND, names.SECONDS, names.MEMORY, names.GRAD_SHARE)
        assert left.keys() == right.keys()
        steps += names.LOSS in left
        for key in left:
            if key.startswith(apart):
                continue
            assert left[key] == pytest.approx(right[key], rel=2e-3, abs=1e-6), key
    assert steps >= 2
    count = json.loads((room.folder / "runs" / run / "run.json").read_text(encoding="utf-8"))[names.ALIGNMENT]
    assert count["train_windows"] % 12 == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "train.epoch=2"), "unknown key train.epoch; did you mean epochs?"),
        (("--set", "train.epochs"), "--set train.epochs: write it as key=value"),
        (
            ("--epochs", "-1"),
            "train.epochs: -1.0 is out of range: give a number that is at least 1e-06 and at most 1,000,000",
        ),
        (("--config", "none.toml"), "cannot read the recipe none.toml"),
        (("--config", "broken.toml"), "broken.toml cannot be read as TOML"),
        (("--resume", "runs/latest"), "--resume goes on with the run's own recipe"),
        (("--push-checkpoint", "run.toml/a"), "run.toml is a file; choose another place with --push-checkpoint"),
        (("--push-checkpoint", "/proc/a"), "cannot copy checkpoints to /proc/a: "),
    ],
)
def test_a_mistake_in_the_words_is_one_line(room: Room, words: tuple[str, ...], told: str) -> None:
    (room.folder / "broken.toml").write_text("[train\nepochs = 3", encoding="utf-8")
    assert told in refused(room.train(*words))


@pytest.mark.parametrize(
    ("where", "told"), [("none", "no such run: none"), ("teacher", "teacher is not a run of sad train")]
)
def test_what_is_no_run_cannot_be_resumed(room: Room, where: str, told: str) -> None:
    assert told in refused(room.run("train", "--resume", where))


def test_a_run_without_a_checkpoint_cannot_be_resumed(room: Room) -> None:
    (room.folder / "early").mkdir()
    shutil.copy(room.folder / "run.toml", room.folder / "early" / "recipe.toml")
    assert "has no checkpoint to go on from" in refused(room.run("train", "--resume", "early"))
    assert sorted(p.name for p in (room.folder / "early").iterdir()) == ["recipe.toml"]


def test_a_model_that_is_not_there(room: Room) -> None:
    assert (
        refused(room.train("--teacher", "./nothing"))
        == "no such folder: ./nothing; name the folder that holds the model"
    )


def test_a_teacher_smaller_than_its_tokenizer(room: Room, pair_folder: Path) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(pair_folder / "teacher" / file, room.folder / "student" / file)
    message = refused(room.train("--teacher", "./student"))
    told = "the teacher's embedding has 320 rows, its tokenizer 400 tokens: not a pair"
    assert message == f"{told}; set teacher.tokenizer to its own"


def test_a_text_that_is_not_utf8(room: Room) -> None:
    (room.folder / "latin.txt").write_bytes("Früh am Morgen".encode("latin-1"))
    assert "latin.txt is not UTF-8 text (byte 2)" in refused(room.train("--data", "./latin.txt"))


def test_a_column_that_is_missing(room: Room) -> None:
    (room.folder / "rows.csv").write_text("body\nsome text\n", encoding="utf-8")
    assert "no column 'text'; it has body (set data.column, data.messages, or" in refused(
        room.train("--data", "./rows.csv")
    )


def test_a_place_that_cannot_be_written(room: Room) -> None:
    assert "choose another place with --output" in refused(room.train("--output", "run.toml"))


def test_a_reader_that_goes_away_does_not_end_the_run(room: Room) -> None:
    with room.start("train", "--config", "run.toml", "--max-steps", "6") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("teacher ./teacher")
        process.stdout.close()
        process.wait(timeout=SECONDS)
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read()) == (0, "")
    assert [line["step"] for line in room.lines() if names.LOSS in line] == list(range(1, 7))
    assert (room.folder / "runs" / "latest" / "student" / "model.safetensors").is_file()


def test_a_record_that_cannot_be_written_is_one_line(room: Room) -> None:
    assert room.train("--max-steps", "1")[0] == 0
    events = room.folder / "runs" / "latest" / "events.jsonl"
    events.unlink()
    events.mkdir()
    message = refused(room.run("train", "--resume", "runs/latest"))
    told, _, way_on = message.partition("; ")
    assert told == f"the run cannot be written: {events.resolve()}: Is a directory"
    assert way_on.startswith("put that right, then go on from step 1 with: sad train --resume ")


def test_a_path_that_is_no_text_is_one_line(room: Room) -> None:
    message = refused(room.train("--output", os.fsdecode(b"bad\xff")))
    assert message.startswith("a path in the recipe is not UTF-8 text")


def test_a_folder_with_spaces_is_told_as_a_shell_reads_it(room: Room) -> None:
    code, out, _ = room.train("--max-steps", "1", "--output", "my runs")
    assert code == 0
    (told,) = [line for line in out.splitlines() if line.startswith("look at it: ")]
    words = shlex.split(told.removeprefix("look at it: "))
    assert words[:2] == ["sad", "doctor"]
    assert (room.folder / words[2] / "metrics.jsonl").is_file()
    assert len(words) == 3
