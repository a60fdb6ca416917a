"""Out of memory: the micro-batches are cut in half and the step is taken again, with the same examples.

A step's gradient is a sum over its examples divided by a count of the whole step, so it is the same for every way of
cutting. The gradients of the failed attempt are cleared, and the random generators are set back. A run that goes out of
memory in its first step is therefore, to the last bit, the run that was started with smaller micro-batches and as much
more accumulation; with dropout too, since what it draws depends on the micro-batches alone.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import torch
from accelerate import Accelerator

from sad.errors import TrainingError
from sad.train.saving import random_states
from sad.train.saving.checkpoint import Progress
from sad_doctor import bounded
from sad_doctor.record import replace_text

T = TypeVar("T")
_CPU = ("not enough memory", "can't allocate memory", "cannot allocate memory")
"""What torch's CPU allocator says in its RuntimeError."""
ADVICE = "shorten data.max_length, set train.gradient_checkpointing, or take a smaller student or teacher"


class NoRoom(Exception):  # noqa: N818 - it says what there is not
    """One of several processes is out of memory; all of them raise this at the same point."""


class InSharedPassError(TrainingError):
    """One process is out of memory where the others wait for it, and will: none of them can take the step again."""


NOTE = "smaller-micro-batches"
"""The file of a run that says how many windows a micro-batch may have when it is gone on with: not in how many cuts,
since that may be with a recipe, or on a number of processes, whose micro-batch is small enough."""


def note(folder: Path, windows: int) -> bool:
    """Leave the note in a run's folder for whoever resumes it; return whether it could be written."""
    try:
        replace_text(folder / NOTE, f"{windows}\n")
    except OSError:
        return False
    return True


def noted(folder: Path, size: int) -> int:
    """Return the cuts of a micro-batch of ``size`` windows that were asked for there, 1 where nothing was."""
    try:
        most = max(1, int(bounded.text(folder / NOTE, 99)))
    except (OSError, ValueError):
        return 1
    cuts = 1
    while size // cuts > most:
        cuts = min(2 * cuts, size)
    return cuts


def forget(folder: Path) -> None:
    """Remove what was left there, once a checkpoint knows of it; what cannot be removed stays, and asks for no more."""
    with suppress(OSError):
        (folder / NOTE).unlink(missing_ok=True)


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there is no memory left, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError | NoRoom):
        return True
    return isinstance(error, RuntimeError) and any(told in str(error).lower() for told in _CPU)


class Together:
    """Makes several processes agree that one of them is out of memory: none may wait for one that gave up.

    With one process, or with sharded models (``pieces``), whose passes communicate throughout, an error is raised as
    it is. Among several it is noted, and :meth:`agree` raises :class:`NoRoom` on all of them.
    """

    def __init__(self, accelerator: Accelerator, *, pieces: bool = False) -> None:
        self._accelerator = accelerator
        self._alone = accelerator.num_processes == 1 or pieces
        self.failed = False

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Run what may need too much memory and does not communicate."""
        try:
            yield
        except Exception as error:
            if self._alone or not out_of_memory(error):
                raise
            self.failed = True

    def agree(self) -> None:
        """Ask the other processes. Raises NoRoom on every one if the memory was too small on any."""
        if self._alone:
            return
        vote = torch.tensor([int(self.failed)], device=self._accelerator.device)
        if int(self._accelerator.reduce(vote, "sum")):
            raise NoRoom("out of memory on one of the processes")


def with_room(
    progress: Progress,
    size: int,
    attempt: Callable[[], T],
    clear: Callable[[], object],
    tell: Callable[[str], object],
    *,
    shared: bool = False,
) -> T:
    """Return what ``attempt`` gives, which reads ``progress.cuts``; cut further and try again while memory lacks.

    ``size`` is the largest micro-batch in examples. ``clear`` undoes what an attempt has left; ``tell`` is told of each
    new cut. If the attempt is ``shared`` with other processes, it is tried again only after NoRoom, which all of them
    raise. Raises InSharedPassError where another error is raised there, TrainingError where a single example is too
    much.
    """
    while True:
        states = random_states.own()
        try:
            return attempt()
        except Exception as error:
            if not out_of_memory(error):
                raise
            told = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            if shared and not isinstance(error, NoRoom):
                raise InSharedPassError(f"out of memory in a pass that the processes share ({told})") from None
        # outside of the handler, which would keep the tensors of the attempt alive
        clear()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        random_states.set_own(states)
        if progress.cuts >= size:
            raise TrainingError(f"out of memory with one window a micro-batch ({told}): {ADVICE}")
        progress.cuts = min(2 * progress.cuts, size)
        smaller = max(1, size // progress.cuts)
        tell(f"out of memory ({told}): from here on {smaller} windows a micro-batch in place of {size}")
