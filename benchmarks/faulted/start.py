"""Starts `sad` in a process of its own, forked from one with the heavy libraries: real, and cheap to kill."""

from __future__ import annotations

import faulthandler
import io
import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PRELOAD = [
    *("torch", "transformers", "transformers.models.llama.modeling_llama", "accelerate", "pyarrow", "pandas"),
    *("transformers.models.auto.tokenization_auto", "transformers.models.auto.modeling_auto"),
    *("sad.cli.app", "sad.train.command", "sad.train.loop", "sad.cache.writer", "faulted.warmth"),
]
Before = Callable[[], object]
DYING = 10.0
"""Seconds in which a process that is to end should say where it stands."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of `sad`; its streams go to two files."""

    handle: Any
    out: Path
    err: Path

    @property
    def id(self) -> int:
        """The number that the system knows it by."""
        return int(self.handle.pid)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.handle.kill()

    def wait(self, seconds: float = 120.0) -> int:
        """Return the exit code, or the negative number of the signal. Raises TimeoutError, which tells where the
        process stood, and ends it then.
        """
        self.handle.join(seconds)
        if self.handle.exitcode is None:
            os.kill(self.id, signal.SIGABRT)
            self.handle.join(DYING)
            self.handle.kill()
            self.handle.join()
            raise TimeoutError(f"still there after {seconds:g} s: {self.told}")
        return int(self.handle.exitcode)

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself in so many seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self.handle.is_alive():
                return True
            self.handle.join(min(0.05, seconds))
        return not self.handle.is_alive()

    @property
    def told(self) -> str:
        """What it has printed, both streams."""
        texts = [p.read_text(encoding="utf-8", errors="replace") for p in (self.out, self.err) if p.exists()]
        return "".join(texts)


def start(
    *words: str, cwd: Path, streams: Path, env: Mapping[str, str] | None = None, before: Before | None = None
) -> Process:
    """Start `python -m sad WORDS` in ``cwd``; ``before`` is called in the new process first."""
    streams.mkdir(parents=True, exist_ok=True)
    number = time.monotonic_ns()
    out, err = streams / f"{number}.out", streams / f"{number}.err"
    context, whole = _context(), {**os.environ, **(env or {})}
    process = context.Process(target=become, args=(words, str(cwd), whole, str(out), str(err), before))
    process.start()
    return Process(process, out, err)


@cache
def _context() -> Any:
    for name, value in (("HF_HUB_OFFLINE", "1"), ("TOKENIZERS_PARALLELISM", "false"), ("OMP_NUM_THREADS", "1")):
        os.environ.setdefault(name, value)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


def become(
    words: tuple[str, ...], cwd: str, env: dict[str, str], out: str, err: str, before: Before | None = None
) -> None:
    """Make of this process `python -m sad WORDS`, with the environment ``env``; the two streams go to two files."""
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
    faulthandler.enable(2)
    # as for `python -m`: modules of the folder come first
    sys.path.insert(0, cwd)
    sys.argv = ["sad", *words]
    if before is not None:
        before()
    runpy.run_module("sad", run_name="__main__", alter_sys=True)
