"""Judges the catalogue in several processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import fields
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from sad.bug import Bug
from sad.verdict import Verdict
from sad.verify import battery
from sad.verify.battery import Known, Outcome

DIED = "the process that judged it died"

_KNOWN: Known = {}
"""In a process that judges: what it has already found of the code that trains."""


def run_parallel(bugs: Sequence[Bug], jobs: int) -> Iterator[Outcome]:
    """Judge each bug in one of ``jobs`` processes; outcomes come in the order of ``bugs``.

    A bug whose process dies (for want of memory, say) is judged once more in one of its own. If that dies too, it is
    told as one that neither proves a check nor passes one; the others are judged in any case.
    """
    with _pool(min(jobs, len(bugs))) as pool:
        with _interrupts_wait():
            waiting = [pool.submit(_judged, bug.code) for bug in bugs]
        for bug, future in zip(bugs, waiting, strict=True):
            yield _outcome(bug, future)


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that judge. A block that ends early, by an error or a signal, kills them: nobody waits for the rest."""
    # not from the folder that we are in: what lies there may be named like one of Python's own modules
    os.environ["PYTHONSAFEPATH"] = "1"
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=_context(), initializer=_start)
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            # what it judges may be minutes long, and at its own end Python would wait for it
            process.kill()
        raise
    finally:
        # once, and waited for: a pool told not to wait forgets its thread, which then closes pipes as Python ends
        pool.shutdown(cancel_futures=True)


def _context() -> ForkServerContext | SpawnContext:
    """Return what starts processes: forks of one that only imports, once for all, where that is safe.

    Never forks of this one: a child that inherits torch's threads can wait for them for ever.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([battery.__name__])
    return context


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Start processes in here: Ctrl-C reaches them too, and one that still imports would end with its traceback."""
    if os.name != "posix":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start() -> None:
    # an interrupt is the parent's to handle
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # whose parent was killed would wait for the next bug for ever: it holds an end of that pipe itself
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    from sad.quiet import quiet_libraries

    quiet_libraries()
    import torch

    torch.set_num_threads(1)
    # some of what is judged collects garbage: what was imported is none
    gc.freeze()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _judged(code: str) -> dict[str, Any]:
    """Judge the bug of a code; return what an outcome holds besides the bug, whose functions need not travel."""
    (outcome,) = battery.run(battery.choose([code]), _KNOWN)
    return {f.name: getattr(outcome, f.name) for f in fields(outcome) if f.name != "bug"}


def _outcome(bug: Bug, future: Future[dict[str, Any]]) -> Outcome:
    try:
        return Outcome(bug, **future.result())
    except BrokenProcessPool:
        # one process that dies takes the whole pool with it
        with _pool(1) as alone:
            try:
                with _interrupts_wait():
                    future = alone.submit(_judged, bug.code)
                return Outcome(bug, **future.result())
            except BrokenProcessPool:
                return Outcome(bug, (Verdict(True, DIED),), {}, (Verdict(False, DIED),), 0.0)
