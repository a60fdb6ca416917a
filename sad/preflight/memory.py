"""How much memory the run will need, for the micro-batch that was asked for, and the largest one that fits."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # accelerate depends on it
import torch

from sad import recipe_text
from sad.preflight.bench import Bench, heaviest, padded
from sad.preflight.probe import sizes

SECONDS = 600.0
"""Time limit of the child process that measures."""
MOST_KEPT, LEAST_MAPPED = 32 * 2**20, 128 * 2**10
"""Of glibc's malloc: the largest block that its heap keeps by itself, and the smallest that it maps at first."""
RESERVE = 0.95
"""Share of what is free that the forecast may fill."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through two measured points, never falling: ``base + slope * x``."""

    base: float
    slope: float

    @classmethod
    def through(cls, points: list[tuple[float, float]]) -> Line:
        """Return the line through the first and the last point; through the origin if there is one only."""
        (x0, y0), (x1, y1) = points[0], points[-1]
        if x1 == x0:
            return cls(0.0, y1 / x1)
        slope = max(0.0, (y1 - y0) / (x1 - x0))
        return cls(y1 - slope * x1, slope)

    def at(self, x: float) -> float:
        """Return the value at ``x``."""
        return self.base + self.slope * x


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the run will take. ``step`` is bytes against a micro-batch's student tokens; ``other`` the most bytes
    at any other time (loading, saving); ``baseline`` the bytes of the process without models. ``seconds`` and
    ``evaluation`` are seconds of a micro-batch against its tokens, ``saving`` of a checkpoint; ``free`` is in bytes.
    ``failed`` says why nothing was measured; ``late`` that it was the time limit, which says nothing of the run.
    """

    device: str
    step: Line
    other: float
    baseline: float
    seconds: Line
    evaluation: Line
    saving: float
    free: float
    failed: str = ""
    late: bool = False

    def peak(self, tokens: float) -> float:
        """Return the bytes that the run needs above the baseline, at ``tokens`` a micro-batch."""
        return max(self.step.at(tokens), self.other)

    def fits(self, tokens_of_a_window: float) -> int:
        """Return the most windows of a micro-batch that fit."""
        room = RESERVE * self.free - self.baseline
        if self.peak(tokens_of_a_window) > room:
            return 0
        return int((room - self.step.base) / max(1.0, self.step.slope * tokens_of_a_window))


def forecast(bench: Bench) -> Forecast:
    """Measure two small sizes in a child process and draw the lines through them."""
    plan = bench.plan
    free = room(plan.device)
    try:
        measured = probe(bench)
    except _ProbeError as failed:
        nothing = Line(0.0, 0.0)
        return Forecast(plan.device, nothing, 0, 0, nothing, nothing, 0, free, str(failed), failed.late)
    cuda = measured["device"] == "cuda"
    baseline = 0.0 if cuda else measured["baseline"]
    points = measured["sizes"]
    if not points:
        nothing = Line(0.0, 0.0)
        says = f"not even {measured['out_of_memory']} windows fit"
        return Forecast(plan.device, nothing, 0, 0, nothing, nothing, 0, free, says)
    return Forecast(
        device=measured["device"],
        step=Line.through([(p["tokens"], p["peak"] - baseline) for p in points]),
        other=0.0 if cuda else max(measured["loading"], measured["saving"]),
        baseline=baseline,
        seconds=Line.through([(p["tokens"], p["seconds"]) for p in points]),
        evaluation=Line.through([(p["tokens"], p["evaluation"]) for p in points]),
        saving=measured["saving_seconds"],
        free=free,
    )


class _ProbeError(Exception):
    """The child process came to nothing, and why; ``late`` if it took too long."""

    late = False


def probe(bench: Bench) -> dict[str, Any]:
    """Run :mod:`sad.preflight.probe` on the plan's recipe. Raises _ProbeError."""
    here = str(Path(__file__).parents[2])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(
            # not from the folder that we are in: a checkout there may be another version
            [sys.executable, "-P", "-m", "sad.preflight.probe"],
            input=recipe_text.toml(bench.plan.recipe),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={**os.environ, **_mapping(bench), "PYTHONPATH": os.pathsep.join(paths)},
        )
    except subprocess.TimeoutExpired:
        late = _ProbeError(f"two small micro-batches took more than {SECONDS:g} s")
        late.late = True
        raise late from None
    if done.returncode < 0:
        raise _ProbeError(f"the system ended the process (signal {-done.returncode}): out of memory")
    if done.returncode:
        raise _ProbeError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _mapping(bench: Bench) -> dict[str, str]:
    """Settings of glibc's allocator that let the small sizes behave as the whole one would.

    It keeps blocks up to 32 MiB in its heap when they are freed, in pieces, and gives larger ones back. A tensor that
    is larger than that in the run, and smaller in the measurement, would make the line too steep: the limit shrinks
    with the size. Measured on the embedded pair, 64 windows of 256 tokens: 17% too high without, 1% too low with it.
    """
    share = padded(sizes(bench.plan)[-1]) / padded(heaviest(bench.plan))
    if share >= 1 or sys.platform != "linux":
        return {}
    limit = max(LEAST_MAPPED, int(MOST_KEPT * share))
    return {"MALLOC_MMAP_THRESHOLD_": str(limit), "MALLOC_TRIM_THRESHOLD_": str(2 * limit)}


def room(device: str) -> float:
    """Return the bytes that a run could have: on the device, or on the host once this process is gone."""
    if device == "cuda":
        return float(torch.cuda.mem_get_info()[0]) + float(torch.cuda.memory_reserved())
    own = float(psutil.Process().memory_info().rss)
    free = float(psutil.virtual_memory().available)
    limit, used = (_number(Path("/sys/fs/cgroup") / f"memory.{name}") for name in ("max", "current"))
    return min(free, limit - used) + own if math.isfinite(limit) else free + own


def _number(path: Path) -> float:
    """Read a limit of the control group; infinite where there is none."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return math.inf
