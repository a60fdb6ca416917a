"""Several processes, joined by gloo, on this machine: for faults that one process cannot have."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from multiprocessing import connection
from multiprocessing.context import ForkContext, ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
import torch.distributed as dist

Given = TypeVar("Given")
Returned = TypeVar("Returned")

SLOW = "torch._dynamo"
"""What DistributedDataParallel, FSDP and clipping import when they are first used, for seconds: once for all."""

PRELOAD = ("torch.nn.parallel", "accelerate", "transformers.models.llama.modeling_llama", SLOW)
"""What takes long to import, and is imported once for all processes where they cannot be forked from this one."""

SECONDS = 60.0
"""After which processes that have not ended are ended."""


def on_processes(function: Callable[[Given], Returned], given: Given, count: int) -> list[Returned]:
    """Return what ``function(given)`` returns in each of ``count`` processes of one group, by rank.

    They are forked from this process where that is safe, so that nothing is imported again; else from one that only
    imports, or spawned, and ``function`` must be one of a module. Raises RuntimeError with the last line of what went
    wrong in one of them, or after a minute. The caller must not be a daemonic process: such have no children.
    """
    context = _context()
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        running: list[BaseProcess] = [
            context.Process(target=_child, args=(function, given, rank, count, folder)) for rank in range(count)
        ]
        try:
            for process in running:
                process.start()
            _wait(running)
        finally:
            _end(running)
        return [_read(Path(folder), rank) for rank in range(count)]


def _context() -> ForkContext | ForkServerContext | SpawnContext:
    # threads of a GPU's driver and of autograd's devices do not outlive a fork
    if sys.platform == "linux" and torch.cuda.device_count() == 0:
        import_module(SLOW)
        return multiprocessing.get_context("fork")
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *PRELOAD])
    return context


def _wait(running: list[BaseProcess]) -> None:
    """Wait for all; when one has failed the others would wait for it for ever."""
    end = time.monotonic() + SECONDS
    left = {process.sentinel for process in running}
    while left and time.monotonic() < end and not any(process.exitcode for process in running):
        left -= set(connection.wait(left, end - time.monotonic()))


def _end(running: list[BaseProcess]) -> None:
    for process in running:
        if process.pid is not None:
            process.kill()
            process.join()


def _child(function: Callable[[Given], Returned], given: Given, rank: int, count: int, folder: str) -> None:
    torch.set_num_threads(1)
    where = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ.update({name: str(value) for name, value in where.items()})
    # nor do the threads of a tokenizer outlive a fork
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # accelerate warns where nobody has decided how many
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # the name of this machine need not lead anywhere
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else "lo0")
    failed, answer = False, b""
    try:
        store = f"file://{folder}/store"
        dist.init_process_group("gloo", store, timedelta(seconds=SECONDS), count, rank)
        # one that is done at once would be gone before the others have found each other
        dist.barrier()
        answer = pickle.dumps((None, time.time(), function(given)))
        dist.destroy_process_group()
    except Exception:
        # told by the parent, in whatever way it likes
        failed, reason = True, traceback.format_exc().strip().splitlines()[-1]
        answer = pickle.dumps((reason, time.time(), None))
    (Path(folder) / f"{rank}.part").write_bytes(answer)
    os.replace(Path(folder) / f"{rank}.part", Path(folder) / f"{rank}.done")
    # what the parent had opened is the parent's to close
    os._exit(1 if failed else 0)


def _read(folder: Path, rank: int) -> Any:  # noqa: ANN401 - whatever the function returned
    every = [pickle.loads(path.read_bytes()) for path in folder.glob("*.done")]
    # the others fail because the first did
    failed = min((one[:2] for one in every if one[0]), key=lambda one: float(one[1]), default=None)
    if failed:
        raise RuntimeError(failed[0])
    try:
        return pickle.loads((folder / f"{rank}.done").read_bytes())[-1]
    except FileNotFoundError:
        raise RuntimeError(f"process {rank} ended without an answer, or not within {SECONDS:.0f} s") from None
