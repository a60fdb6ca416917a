"""Several processes of one training that write into one log: the one of the lowest rank counts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sad_doctor.readers.numbers import number

_KEYS = ("rank", "global_rank", "process_rank", "process_index", "local_rank", "distributed_rank")
_PREFIX = re.compile(
    r"\s*(?:\[(?:[Rr]ank:? ?|default)(\d{1,6})\]:? ?|[Rr]ank ?(\d{1,6}): ?|\[\d+,(\d{1,6})\]<std(?:out|err)>: ?)"
)
"""PyTorch, torchrun and Lightning write the first, mpirun the last."""


def key_of(keys: Mapping[str, object] | Sequence[str]) -> str | None:
    """Return the key of a row that may hold the rank of its writer, or None."""
    return next((key for key in _KEYS if key in keys), None)


def rank_of(line: str) -> tuple[int, str] | None:
    """Return the rank that a launcher wrote before a line, and the line without it; else None."""
    found = _PREFIX.match(line)
    return None if found is None else (int(next(filter(None, found.groups()))), line[found.end() :])


class Ranks:
    """Tells which rows count.

    A column called rank may be that of a LoRA adapter. It is taken for the writer's only once a row of another rank
    has a step that was there already.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self.afresh = False
        self._seen: dict[float, None] = {}
        self._sure = False
        self._last, self._step = math.nan, -math.inf

    def takes(self, value: object, step: float) -> bool:
        """Say whether a row counts; ``afresh`` is set where all rows before it do not, as their ranks are higher."""
        rank, self.afresh = number(value), False
        if rank is None:
            return True
        self._sure = self._sure or (rank != self._last and not math.isnan(self._last) and step <= self._step)
        lowest = min(self._seen, default=math.inf)
        if len(self._seen) < 100_000:
            self._seen[rank] = None
        self._last, self._step = rank, max(self._step, step)
        if not self._sure:
            return True
        if rank > lowest:
            self.left_out += 1
            return False
        self.afresh = rank < lowest < math.inf
        return True

    def calm(self, values: Sequence[object]) -> bool:
        """Return whether rows with these ranks all count, since all have the rank of the row before."""
        return self._last == min(self._seen, default=math.nan) and all(number(one) == self._last for one in values)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        if not self._sure:
            return ()
        low = min(self._seen)
        return (
            f"{len(self._seen)} ranks write into one log: the rows of rank {low:g} count, "
            f"{self.left_out:,} of the others were left out",
        )

    def state(self) -> list[Any]:
        """Return what :meth:`restored` needs, as JSON values."""
        last = None if math.isnan(self._last) else self._last
        step = None if math.isinf(self._step) else self._step
        return [self.left_out, list(self._seen), self._sure, last, step]

    @classmethod
    def restored(cls, state: Sequence[Any]) -> Ranks:
        """Return the ranks whose state was kept. Raises TypeError or ValueError."""
        ranks = cls()
        left_out, seen, sure, last, step = state
        ranks.left_out, ranks._sure = int(left_out), bool(sure and seen)
        ranks._seen = dict.fromkeys(float(one) for one in seen)
        ranks._last = math.nan if last is None else float(last)
        ranks._step = -math.inf if step is None else float(step)
        return ranks
