"""A training loop whose weights are in pieces, and that is taken up by another number of processes than saved it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sad.subjects.trainer import Setup, Trace, Trainer


class Pieces(Trainer, Protocol):
    """Trains, in pieces where there are several processes, and can be stopped."""

    def taken_up(self, setup: Setup, at: int, each: Sequence[Setup]) -> Sequence[Trace]:
        """Begin as ``setup`` says, and end after step ``at``, saved; then, once for each of ``each``, go on from there
        as that says, to its last step.

        A trace has the steps behind ``at`` alone. Each of ``each`` is ``setup`` with its steps cut in another way.
        """
