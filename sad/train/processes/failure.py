"""How one failing process of several ends the run for all: one line is printed, and no process is left waiting."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from sad.errors import Stopped, UserError
from sad_doctor.sanitize import LONGEST
from sad_doctor.views.plain import line as plain

CLAIM = "sad/failed"
"""Key in the launcher's store under which the first process to fail says so."""

PATIENCE = 60.0
"""Seconds that a machine's other processes wait for its first one to report an error that they all met."""


def world() -> tuple[int, int]:
    """Return the number of this process, and how many there are, as a launcher tells it. Raises UserError."""
    told = {name: os.environ.get(name, usual) for name, usual in (("RANK", "0"), ("WORLD_SIZE", "1"))}
    for name, value in told.items():
        if not value.isdecimal():
            raise UserError(f"the environment has {name}={value}: a launcher sets it to a number; unset it")
    return int(told["RANK"]), int(told["WORLD_SIZE"])


def line(error: BaseException, rank: int, processes: int, way_on: str = "") -> str:
    """Return the line for an error: a user's mistake as it is, all else with its process and its first line."""
    if isinstance(error, UserError | Stopped):
        return plain(error, LONGEST)
    first = next(iter(str(error).strip().splitlines()), "")
    told = f"process {rank} of {processes}: {type(error).__name__}: {first}".rstrip(": ")
    if "out of memory" in first.lower():
        told += "; halve train.batch_size and double train.accumulation"
    return plain(f"{told}; {way_on}" if way_on else told, LONGEST)


def end(error: BaseException, folder: Path | None, way_on: str = "", leave: Callable[[int], object] = os._exit) -> None:
    """Say in one line, once for all processes, what went wrong, and leave at once with the error's exit code.

    At once, since an ordinary end waits for the others, which wait for this one. Of an error that is nobody's mistake
    the traceback is kept in the run's ``folder``.
    """
    rank, processes = world()
    # a launcher ends the others as soon as one has left: what is to be said is said before that
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if first_to_fail():
        if folder is not None and folder.is_dir() and not isinstance(error, UserError | Stopped):
            kept = folder / f"traceback-{rank}.txt"
            # a disk that is full must not keep it here, where the others wait for it
            with contextlib.suppress(OSError):
                kept.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        with contextlib.suppress(OSError):
            print(f"sad: {line(error, rank, processes, way_on)}", file=sys.stderr)  # noqa: T201 - the command line's way
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    leave(error.exit_code if isinstance(error, UserError | Stopped) else 1)


def first_to_fail() -> bool:
    """Return whether no other process has said so before: what comes later is only what the first one brought about.

    Before the processes are joined each of them meets the same mistake: the first of each machine tells of it, and
    the launcher then ends the others. One that is still there after ``PATIENCE`` has met something of its own.
    """
    from torch import distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        if int(os.environ.get("LOCAL_RANK", "0")) > 0:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(PATIENCE)
        return True
    try:
        # atomic; kept by the launcher, so that it outlives the process that failed
        return int(dist.distributed_c10d._get_default_store().add(CLAIM, 1)) == 1
    except Exception:
        # the store is gone: better said twice than not at all
        return True


def leave_together() -> None:
    """End the group of processes after a run that went well. Alone, do nothing."""
    from torch import distributed as dist

    if world()[1] > 1 and dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
