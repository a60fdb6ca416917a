"""Several logs at once under an open dashboard, each with a life of its own, while keys are pressed at random.

After every piece of such a life the dashboard shows what somebody sees who opens the same files now.
"""

from __future__ import annotations

import json
import os
import random

import pytest

from sad_doctor.check import check
from sad_doctor.readers import open_log, read
from sad_doctor.views.tui.app import DoctorApp

KEYS = (
    *("1", "2", "3", "4", "5", "6", "7", "8", "tab", "shift+tab", "left", "right", "shift+left", "home", "end", "plus"),
    *("minus", "0", "l", "s", "m", "M", "g", "z", "escape", "space", "space", "enter", "down", "up", "question_mark"),
    *("less_than_sign", "greater_than_sign", "r", "y"),
)


def jsonl(step, noise):
    return json.dumps({"step": step, "train/loss": 3 + noise.random(), "train/weighted/kd": 1.0}) + "\n"


def console(step, noise):
    return f"step {step}: loss {3 + noise.random():.4f} lr 1e-4\n"


class Log:
    """A file with a life."""

    def __init__(self, path, line, noise):
        self.path, self.line, self.noise, self.step = path, line, noise, 0
        self.path.write_text(self.grown(60))

    def grown(self, lines):
        self.step += lines
        return "".join(self.line(step, self.noise) for step in range(self.step - lines, self.step))

    def lives(self):
        """Do one thing that logs do."""
        do = self.noise.choice(
            (self.grow, self.grow, self.half, self.resume, self.rotate, self.cut, self.replace, self.crash, self.go)
        )
        do()
        return do.__name__

    def add(self, text):
        with self.path.open("a") as file:
            file.write(text)

    def grow(self):
        self.add(self.grown(self.noise.randrange(1, 40)))

    def half(self):
        self.add(self.line(self.step, self.noise)[:-9])

    def resume(self):
        self.step = max(0, self.step - self.noise.randrange(60))
        self.add("\n" + self.grown(20))

    def rotate(self):
        if self.path.exists():
            self.path.rename(self.path.with_suffix(f".{self.noise.randrange(9)}"))
        self.path.write_text(self.grown(15))

    def cut(self):
        if self.path.exists():
            os.truncate(self.path, self.noise.randrange(self.path.stat().st_size + 1))

    def replace(self):
        other = self.path.with_suffix(".new")
        self.step = self.noise.randrange(5)
        other.write_text(self.grown(30))
        os.replace(other, self.path)

    def crash(self):
        self.add("\nTraceback (most recent call last):\n  File 'a.py', line 1, in f\nRuntimeError: no\n")

    def go(self):
        self.path.unlink(missing_ok=True)


def numbers(run):
    return {name: (column.step.tolist(), column.value.tolist()) for name, column in run.columns.items()}


@pytest.mark.parametrize(("seed", "size"), [(1, (80, 24)), (2, (160, 45))])
async def test_several_logs_with_a_life_are_shown_as_they_are(make, tmp_path, seed, size):
    noise = random.Random(seed)
    logs = [Log(tmp_path / f"{n}.log", line, noise) for n, line in enumerate((jsonl, console, jsonl))]
    app = DoctorApp([open_log(log.path) for log in logs], check, interval=3600.0)
    done = []
    async with app.run_test(size=size) as pilot:
        for _ in range(8):
            app.paused = False
            app.tick()
            await make.settled(pilot)
            done.append([log.lives() for log in logs])
            done.append(pressed := noise.choices(KEYS, k=2))
            await pilot.press(*pressed)
            assert app.is_running, done
        for log in logs:  # in the end every log is there, and whole
            log.replace()
        app.paused = False
        for _ in range(2):
            app.look()
            await make.settled(pilot)
        assert app.problem == "", done
        for number, log in enumerate(logs):
            assert numbers(app.open_runs.snapshots[number].run) == numbers(read(log.path)), done
