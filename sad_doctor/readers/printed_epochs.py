"""Where records stand that tell their epoch with so few digits that many have the same one."""

from __future__ import annotations

from array import array

import numpy as np

from sad_doctor.run import Floats

_DIGITS = 0.01
"""What two epochs of two digits differ by: the width of a first one that none follows yet."""


class PrintedEpochs:
    """The epoch of each record, in order. Those of one epoch stand evenly between it and the next one."""

    def __init__(self) -> None:
        self._epochs = array("d", [0.0])
        self._stays = array("b")

    def __len__(self) -> int:
        return len(self._epochs) - 1

    @property
    def last(self) -> float:
        """The epoch of the last record; 0 before the first."""
        return self._epochs[-1]

    def add(self, epoch: float, trains: bool = True) -> None:
        """Take the next record's. One that is no training's stands where the one before does, if that has its epoch."""
        self._stays.append(not trains and len(self) > 0 and epoch == self.last)
        self._epochs.append(epoch)

    def places(self) -> Floats:
        """Return the place of each record, in epochs; a 0 stands before the first."""
        moves = np.array(self._stays) == 0
        told = np.array(self._epochs[1:])[moves]
        if not told.size:
            return np.zeros(1)
        first = np.flatnonzero(np.diff(told, prepend=np.nan) != 0)
        counts = np.diff(first, append=told.size)
        # a run that goes back to an earlier epoch, and the last one, are as wide as the one before
        widths = np.diff(told[first], append=np.nan)
        known = widths > 0
        before = np.maximum.accumulate(np.where(known, np.arange(widths.size), -1))
        pace = np.where(known, widths, 0) / counts
        pace = np.where(before < 0, _DIGITS / counts, pace[before])
        within = np.arange(told.size) - np.repeat(first, counts)
        places = np.repeat(told[first], counts) + within * np.repeat(pace, counts)
        return np.concatenate([[0.0], places[np.cumsum(moves) - 1]])
