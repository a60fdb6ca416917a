"""Where the time of a step goes: data, teacher, student, backward, optimizer."""

from __future__ import annotations

import time
from typing import Any

import torch


class Clock:
    """Gives the time since the last mark to the part that a mark names.

    Of a step these are data, teacher, student (its forward pass, and every term of the loss), backward (with the
    exchange of gradients between processes) and optimizer (clipping, guards, update).
    On CUDA the marks are events in the stream: they cost the host nothing, and are read once, after the step.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._cuda = torch.device(device).type == "cuda"
        self._marks: list[tuple[str, Any]] = []
        self._before = 0.0

    def start(self, before: float = 0.0) -> None:
        """Begin a step, and forget the last one. Its first part starts with the seconds that are given."""
        self._marks, self._before = [("", self._now())], before

    def mark(self, part: str) -> None:
        """End a stretch of time that belongs to ``part``."""
        self._marks.append((part, self._now()))

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each part that was marked, in order. On CUDA this waits for the last mark."""
        if self._cuda and len(self._marks) > 1:
            self._marks[-1][1].synchronize()
        found: dict[str, float] = {}
        for (_, before), (part, at) in zip(self._marks, self._marks[1:], strict=False):
            found[part] = found.get(part, 0.0 if found else self._before) + self._between(before, at)
        return found

    def _now(self) -> Any:  # noqa: ANN401 - a number, or an event of CUDA
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def _between(self, before: Any, at: Any) -> float:  # noqa: ANN401
        return float(before.elapsed_time(at)) / 1000 if self._cuda else float(at - before)
