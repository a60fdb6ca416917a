"""What a process that is to be killed does to itself: SIGKILL, at the moment that was drawn for it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

CHANGES = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.truncate"})
"""Audit events of what changes a folder; a file that is opened in it counts too."""


CALLS = ("all_reduce", "all_gather", "all_gather_into_tensor", "all_gather_object", "broadcast_object_list", "barrier")
"""Calls of torch.distributed that a training makes itself; the gradients are summed inside of a backward pass."""
RENAME, CALL = "(rename)", "(call)"
"""How a rename, and a call between processes, begin in a report of operations."""


def die() -> None:
    """End this process as a machine would: no handler, no buffer, no farewell."""
    os.kill(os.getpid(), signal.SIGKILL)


def note_operations(report: Path, within: str) -> None:
    """Write one line to ``report`` for each operation on a path that holds ``within``, each rename, each call between
    processes.
    """
    handle = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(event: str, path: str) -> None:
        os.write(handle, f"{event} {path}\n".encode())

    _watch(within, note)
    _around_renames(within, lambda path: note(RENAME, path), _nothing)
    _before_calls(lambda name: note(CALL, name))


def at_operation(within: str, number: int) -> None:
    """Die before the ``number``-th operation, from 1, on a path that holds ``within``."""
    seen = 0

    def look(_event: str, _path: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            die()

    _watch(within, look)


def at_rename(within: str, number: int, done: bool) -> None:
    """Die before the ``number``-th rename, from 1, from or to a path that holds ``within``, or as soon as it is
    ``done``.
    """
    count = _counter(number)
    # counted before the rename, so that both numbers mean the same one
    now = [False]

    def before(_path: str) -> None:
        now[0] = count()
        if now[0] and not done:
            die()

    def after(_path: str) -> None:
        if now[0]:
            die()

    _around_renames(within, before, after)


def at_call(number: int) -> None:
    """Die before the ``number``-th call between processes, from 1: the others wait for this one in it."""
    count = _counter(number)

    def look(_name: str) -> None:
        if count():
            die()

    _before_calls(look)


def torn_line(number: int, share: float) -> None:
    """Die inside the ``number``-th line of the record, of which so much is on disk."""
    from sad_doctor import record

    count = _counter(number)

    real = record.Recorder._write

    def write(file: Any, line: Any) -> None:
        if count():
            text = (record.dumps(line) + "\n").encode()
            os.write(file.fileno(), text[: int(share * len(text))])
            die()
        real(file, line)

    record.Recorder._write = staticmethod(write)  # type: ignore[method-assign]


def torn_tensors(number: int, share: float) -> None:
    """Die inside the ``number``-th file of tensors of a checkpoint, of which so much is on disk."""
    from safetensors.torch import save_file, save_model

    from sad.train.saving import checkpoint

    count = _counter(number)

    def torn(real: Callable[..., Any]) -> Callable[..., Any]:
        def save(what: Any, name: str) -> None:
            real(what, name)
            if count():
                os.truncate(name, int(share * os.path.getsize(name)))
                die()

        return save

    patch.object(checkpoint, "save_model", torn(save_model)).start()
    patch.object(checkpoint, "save_file", torn(save_file)).start()


def in_evaluation(number: int) -> None:
    """Die before the ``number``-th batch that is scored."""
    from sad.evaluate import evaluate as real
    from sad.train import held_out

    count = _counter(number)

    def evaluate(distiller: Any, batches: Iterable[Any], *more: Any) -> Any:
        def watched() -> Iterator[Any]:
            for batch in batches:
                if count():
                    die()
                yield batch

        return real(distiller, watched(), *more)

    patch.object(held_out, "evaluate", evaluate).start()


def _around_renames(within: str, before: Callable[[str], object], after: Callable[[str], object]) -> None:
    for name in ("rename", "replace"):
        real = getattr(os, name)

        def renamed(source: Any, target: Any, *more: Any, real: Callable[..., None] = real, **named: Any) -> None:
            paths = [os.fsdecode(path) for path in (source, target)]
            here = any(within in path for path in paths)
            if here:
                before(paths[1])
            real(source, target, *more, **named)
            if here:
                after(paths[1])

        patch.object(os, name, renamed).start()


def _before_calls(look: Callable[[str], object]) -> None:
    from torch import distributed

    from sad.train.processes.gradients import Joined

    for owner, names in ((distributed, CALLS), (Joined, ("backward",))):
        for name in names:
            real = getattr(owner, name)

            def called(*given: Any, name: str = name, real: Callable[..., Any] = real, **named: Any) -> Any:
                if distributed.is_initialized():
                    look(name)
                return real(*given, **named)

            patch.object(owner, name, called).start()


def _nothing(_path: str) -> None:
    return


def _watch(within: str, look: Callable[[str, str], object]) -> None:
    mine = os.getpid()

    def audit(event: str, given: tuple[Any, ...]) -> None:
        if event not in CHANGES or os.getpid() != mine:
            return
        path = os.fsdecode(given[0]) if given and isinstance(given[0], str | bytes | os.PathLike) else ""
        if event in ("os.remove", "os.rmdir") and given[1] >= 0:
            # a tree is removed by names in a folder that is open
            path = os.path.join(os.readlink(f"/proc/self/fd/{given[1]}"), path)
        if within in path:
            look(event, path)

    sys.addaudithook(audit)


def _counter(number: int) -> Callable[[], bool]:
    seen = 0

    def count() -> bool:
        nonlocal seen
        seen += 1
        return seen == number

    return count
