"""Finished runs of a benchmark on disk, so that none is made twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """A run: ``bits`` per byte of held-out text, processor ``seconds`` of its steps."""

    pair: str
    variant: str
    seed: int
    steps: int
    bits: float
    seconds: float

    @property
    def key(self) -> tuple[str, str, int, int]:
        return self.pair, self.variant, self.seed, self.steps


class Runs:
    """Runs by what they are of; ``make`` makes those that are missing."""

    def __init__(self, path: Path, make: Callable[[str, str, int, int], Run]) -> None:
        self._path, self._make = path, make
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._done = {run.key: run for run in (Run(**json.loads(line)) for line in lines)}

    def known(self, pair: str, variant: str, seed: int, steps: int) -> Run:
        return self._done[pair, variant, seed, steps]

    def get(self, pair: str, variant: str, seed: int, steps: int) -> Run:
        key = (pair, variant, seed, steps)
        if key not in self._done:
            self._done[key] = made = self._make(*key)
            with self._path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(asdict(made)) + "\n")
        return self._done[key]
