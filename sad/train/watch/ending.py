"""What comes after a step: another one, a checkpoint, a way back, or the end; the same on every process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import torch
from accelerate import Accelerator

from sad.errors import UserError
from sad_doctor import names


@dataclass(frozen=True, slots=True)
class Decision:
    """What a process wants after a step. ``signal`` came for it; a checkpoint is ``due``; its time is up; a red flag
    says ``stop``, or ``back`` to the checkpoint of a step; its memory holds micro-batches in so many ``cuts``; the next
    step lacks windows, since their stream has ended (1) or is broken (2).
    """

    signal: int | None = None
    due: bool = False
    time_is_up: bool = False
    stop: bool = False
    back: int | None = None
    cuts: int = 1
    lack: int = 0

    @property
    def asked(self) -> bool:
        """Whether the run is asked to end here, though steps may be left."""
        return self.signal is not None or self.time_is_up or self.stop

    @property
    def ends(self) -> bool:
        """Whether the run ends here."""
        return self.asked or bool(self.lack)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run ended: with its last step, or early for a ``signal``, the time, a ``red_flag`` (its line), or for want
    of ``data`` (a line); ``spent`` if that is all that its stream has.
    """

    signal: int | None = None
    time_is_up: bool = False
    red_flag: str = ""
    data: str = ""
    spent: bool = False

    @property
    def early(self) -> bool:
        """Whether steps are left to take."""
        return self.signal is not None or self.time_is_up or bool(self.red_flag or self.data)

    @property
    def event(self) -> tuple[str, str]:
        """The kind and the message of the event that the record gets."""
        if self.signal is not None:
            return names.EVENT_INTERRUPT, f"signal {self.signal}"
        if self.red_flag:
            return names.EVENT_INTERRUPT, f"stopped for a red flag: {self.red_flag}"
        if self.data:
            return names.EVENT_INTERRUPT, self.data
        return (names.EVENT_TIME_IS_UP, "train.max_hours is reached") if self.time_is_up else (names.EVENT_END, "")


def agreed(accelerator: Accelerator, mine: Decision, data: str = "") -> Decision:
    """Return what any process wants: one that stopped, saved or went back alone would leave the others waiting.

    A run that ends does not go back. ``data`` is a hash of the text up to the windows of the next step, which this
    process reads for itself. Raises UserError on all of them where it is not the same on all that have it.
    """
    if accelerator.num_processes == 1:
        return replace(mine, back=None) if mine.ends else mine
    back = -1 if mine.back is None else mine.back
    row = [mine.signal or 0, int(mine.due), int(mine.time_is_up), int(mine.stop), back, mine.cuts, mine.lack]
    every = accelerator.gather(torch.tensor([[*row, _number(data)]], device=accelerator.device))
    if len(set(every[:, -1].tolist()) - {0}) > 1:
        told = "the processes do not read the same training text"
        raise UserError(f"{told}: give each machine the same files, or the same revision of the data set")
    signal, due, up, stop, back, cuts, lack, _ = (int(v) for v in every.amax(dim=0).tolist())
    ends = bool(signal or up or stop or lack)
    return Decision(signal or None, bool(due), bool(up), bool(stop), None if back < 0 or ends else back, cuts, lack)


def _number(data: str) -> int:
    """A hash as a number of 64 bits; 0 where there is none."""
    return 0 if not data else int.from_bytes(hashlib.blake2b(data.encode(), digest_size=7).digest(), "little")
