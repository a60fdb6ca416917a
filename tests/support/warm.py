"""Runs `sad` in a process of its own that has the heavy libraries from the start: a fork of one that imported them.

For the many tests of a command's words, exit code and files; that a bare interpreter comes to the same end, and what it
imports, is tested on some of them with :mod:`subprocess`.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PRELOAD = [
    "torch",
    "transformers",
    "accelerate",
    "sad.cli.app",
    "sad.train.loop",
    "sad.preflight.fit",
    "sad.judge.session",
]


def sad(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Do what `python -m sad WORDS` does. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        whole = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        process = _context().Process(target=_run, args=(words, str(cwd), whole, str(out), str(err)))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.terminate()
            process.join()
            raise subprocess.TimeoutExpired(words, timeout)
        told = [path.read_text(encoding="utf-8") if path.exists() else "" for path in (out, err)]
        return subprocess.CompletedProcess(words, process.exitcode, *told)


@cache
def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


def _run(words: tuple[str, ...], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for path, number in ((os.devnull, 0), (out, 1), (err, 2)):
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = io.TextIOWrapper(os.fdopen(0, "rb", closefd=False), encoding="utf-8")
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(os.fdopen(number, "wb", closefd=False), encoding="utf-8", write_through=True)
        for number in (1, 2)
    )
    # as for `python -m`: modules of the folder come first
    sys.path[0] = cwd
    sys.argv = ["sad", *words]
    runpy.run_module("sad", run_name="__main__", alter_sys=True)
