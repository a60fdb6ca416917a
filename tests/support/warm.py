"""Runs `sad` in a process of its own that has the heavy libraries from the start: a fork of one that imported them.

For the many tests of a command's words, exit code and files; that a bare interpreter comes to the same end, and what it
imports, is tested on some of them with :mod:`subprocess`.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from faulted.start import become

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
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        whole = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        process = _context().Process(target=become, args=(words, str(cwd), whole, str(out), str(err)))
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
