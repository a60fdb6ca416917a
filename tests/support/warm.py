"""Runs `sad`, or code, in a process of its own that has the heavy libraries from the start: a fork of one with them.

For the many tests of a command's words, exit code and files; that a bare interpreter comes to the same end, and what it
imports, is tested on some of them with :mod:`subprocess`.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from multiprocessing import connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from faulted.start import Before, become

ROOT = Path(__file__).resolve().parents[2]
PRELOAD = [
    "torch",
    "transformers",
    "accelerate",
    "sad.cli.app",
    "sad.train.loop",
    "sad.preflight.fit",
    "sad.judge.losses.session",
]


def sad(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Do what `python -m sad WORDS` does. Raises subprocess.TimeoutExpired."""
    (done,) = _run(words, cwd, [env or {}], timeout)
    return done


def together(
    count: int, *words: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 300
) -> list[subprocess.CompletedProcess[str]]:
    """Do what a launcher does: start ``count`` processes that find each other, and end all when one fails.

    Raises subprocess.TimeoutExpired.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    ranks = [{**shared, "RANK": rank, "LOCAL_RANK": rank} for rank in range(count)]
    return _run(words, cwd, [{**(env or {}), **{k: str(v) for k, v in one.items()}} for one in ranks], timeout)


def python(
    count: int, code: str, *words: str, cwd: Path, timeout: float = 300
) -> list[subprocess.CompletedProcess[str]]:
    """Do what ``count`` calls of `python -c CODE WORDS` at once do. Raises subprocess.TimeoutExpired."""
    return _run(words, cwd, [{}] * count, timeout, partial(_instead, code))


def _instead(code: str) -> None:
    """Run some code in place of `sad`."""
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    raise SystemExit


def _run(
    words: tuple[str, ...],
    cwd: Path,
    environments: Sequence[Mapping[str, str]],
    timeout: float,
    before: Before | None = None,
) -> list[subprocess.CompletedProcess[str]]:
    with tempfile.TemporaryDirectory() as folder:
        streams = [(Path(folder) / f"{i}.out", Path(folder) / f"{i}.err") for i in range(len(environments))]
        running = []
        for env, (out, err) in zip(environments, streams, strict=True):
            whole = {**os.environ, "PYTHONPATH": str(ROOT), **env}
            running.append(_context().Process(target=become, args=(words, str(cwd), whole, str(out), str(err), before)))
            running[-1].start()
        end = time.monotonic() + timeout
        left = {process.sentinel for process in running}
        while left and time.monotonic() < end:
            left -= set(connection.wait(left, end - time.monotonic()))
            if any(process.exitcode for process in running):
                break
        late = bool(left) and not any(process.exitcode for process in running)
        for process in running:
            # what it has to say of the failure of another it may say at once
            process.join(0.5)
            process.kill()
            process.join()
        if late:
            raise subprocess.TimeoutExpired(words, timeout)
        told = [[path.read_text(encoding="utf-8") if path.exists() else "" for path in pair] for pair in streams]
        codes = [process.exitcode for process in running]
        return [subprocess.CompletedProcess(words, code, *both) for code, both in zip(codes, told, strict=True)]


@cache
def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context
