"""Signals that come before the first step, and words that no option takes: one line each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm

SECONDS = 120
READY = "import sys, sad.train.command as c; "
PAUSE = "c.recipes.load = lambda *_: (print('loading', flush=True), __import__('time').sleep(60)); "
START = "from sad.cli.app import main; sys.argv = ['sad', 'train', '--max-steps', '1']; main()"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_first_step_is_one_line(tmp_path: Path, number: int, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", READY + PAUSE + START],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        time.sleep(0.2)
        process.send_signal(number)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (code, "")
    assert err.count("\n") == 1
    assert "before the first step; nothing was written" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--nonsense",), "no such option: --nonsense (see: sad --help)"),
        (("train", "--epochs", "many"), "(see: sad train --help)"),
        (("train", "--teacher", "x.gguf"), "no such file: x.gguf"),
        (("train", "--student", "random:axb"), "random:LAYERSxWIDTH"),
        (("train", "--set", "terms.kd=3"), "terms.kd.weight"),
        (("train", "--output", "file/runs"), "file is a file; choose another place with --output"),
        (("train", "--data", "./loop.txt"), "no such file: ./loop.txt"),
        (("train", "--teacher", "file"), "name the folder that holds the model"),
        (("doctor",), "missing argument 'RUN' (see: sad doctor --help)"),
        (("bogus",), "no such command 'bogus' (see: sad --help)"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "loop.txt").symlink_to("nowhere.txt")
    if words[1:2] in (("--teacher",), ("--student",)):  # the models' libraries are there before they are asked for
        done = warm.sad(*words, cwd=tmp_path, timeout=SECONDS)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "sad", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            timeout=SECONDS,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert told in done.stderr


def test_no_word_at_all_shows_the_help() -> None:
    done = subprocess.run([sys.executable, "-m", "sad"], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 2
    assert "Usage: sad" in done.stdout
    assert done.stderr == ""
