"""A training run that can be stopped, saved and taken up again, as anyone may have written it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

Saved = Any
"""What was saved, in whatever form: in memory, or the bytes of files. Only the run itself reads it."""


ANEW, TAKEN_UP = "begun anew", "taken up"
FINISHED, STOPPED = "finished", "stopped"


@dataclass(frozen=True, slots=True)
class Setting:
    """A run. Its data are ``size`` samples, shuffled in each epoch by ``seed``.

    An optimizer step takes ``accumulation`` micro-batches of ``batch_size`` samples; an epoch's last step takes what
    is left. ``steps`` counts optimizer steps; the learning rate changes from one to the next.
    """

    size: int
    batch_size: int
    accumulation: int
    seed: int
    steps: int
    other: bool = False
    """Whether one of the samples is another, of the same length."""

    @property
    def per_step(self) -> int:
        """Samples of a full optimizer step."""
        return self.batch_size * self.accumulation

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of one pass over the data."""
        return -(-self.size // self.per_step)


@dataclass(frozen=True, slots=True)
class Taken:
    """One optimizer step: the numbers of its samples in the order in which they were seen, the learning rate of the
    first group, and the training loss before the update.
    """

    samples: tuple[int, ...]
    rate: float
    loss: float


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """What one process did, from where it began to the last step of the setting.

    ``saved`` is by the number of optimizer steps that were done. ``weights`` (all of the model's state) and ``moments``
    (all of the optimizer's, and of random generators beside torch's own) are copies from the end. ``live`` are the
    model's trainable tensors themselves, ``owned`` those that the optimizer writes to, also where it does so through
    copies in a wider type.
    """

    taken: Sequence[Taken]
    saved: Mapping[int, Saved]
    weights: Mapping[str, Tensor]
    moments: Mapping[str, Tensor]
    live: Mapping[str, Tensor]
    owned: Sequence[Tensor]
    ended: str = ""
    """How it says it ended, where it says that: ``FINISHED`` or ``STOPPED``."""
    began: str = ""
    """How it says it began: ``ANEW`` or ``TAKEN_UP``."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What one of several processes drew: after its generator's state was saved, after it was put back, and where the
    save is that of a run of one process.
    """

    after: Tensor
    again: Tensor
    alone: Tensor


class Resumable(Protocol):
    """Trains. Its student has dropout, so that the state of the random generator decides the weights."""

    def run(self, setting: Setting, saved: Saved | None, save_at: Collection[int]) -> Ran:
        """Begin anew, or in a new process with ``saved``; train to the last step of ``setting``.

        After each number of optimizer steps in ``save_at`` it saves, and goes on.
        """

    def stopped(self, setting: Setting, at: int) -> Ran | None:
        """Begin anew, and be asked to end while step ``at`` is taken; None where it cannot be asked."""

    # A run that several processes share may have ``drawn() -> Sequence[Drawn]``, one for each of two or more. One that
    # can go back may have ``went_back(setting, at, to) -> Ran``: begun anew, it saves step ``to``, and after step
    # ``at`` goes back there, once, passing over the samples since. ``taken`` are the steps that count, ``saved`` is
    # what is there of step ``to`` afterwards.

    @property
    def knows_its_data(self) -> bool:
        """Whether it refuses to go on with other data than it began with, or with steps of another size."""
