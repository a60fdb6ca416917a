"""How much memory the run will need, for the micro-batch that was asked for, and the largest one that fits."""

from __future__ import annotations

import contextlib
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

from sad.preflight.bench import Bench, padded

SECONDS = 600.0
"""Time limit of the child process that measures."""
ROOMY = 4
"""Times the bytes of this process that must be free for the child process to be loaded beside it."""
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
    """What the run will take. ``step`` and ``scoring`` are bytes against a micro-batch's student tokens, in a step
    and in an evaluation, of which there are ``held_out`` at the most; ``other`` the most bytes at any other time
    (loading, saving); ``baseline`` the bytes of the process without models. ``seconds`` and
    ``evaluation`` are seconds of a micro-batch against its tokens, ``saving`` of a checkpoint; ``free`` is in bytes.
    ``failed`` says why nothing was measured; ``late`` that it was the time limit, which says nothing of the run.
    """

    device: str
    step: Line
    scoring: Line
    held_out: int
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
        return max(self.step.at(tokens), self.scoring.at(min(tokens, self.held_out)), self.other)

    def fits(self, tokens_of_a_window: float) -> int:
        """Return the most windows of a micro-batch that fit."""
        room = RESERVE * self.free - self.baseline
        if self.peak(tokens_of_a_window) > room:
            return 0
        most = (room - self.step.base) / max(1.0, self.step.slope * tokens_of_a_window)
        if self.scoring.at(self.held_out) > room:
            most = min(most, (room - self.scoring.base) / max(1.0, self.scoring.slope * tokens_of_a_window))
        return int(most)


def forecast(bench: Bench) -> Forecast:
    """Measure two small sizes in a child process and draw the lines through them."""
    plan = bench.plan
    started = bench.once(begin)
    try:
        measured = probe(started)
    except _ProbeError as failed:
        return _nothing(plan.device, started.free, str(failed), late=failed.late)
    cuda = measured["device"] == "cuda"
    baseline = 0.0 if cuda else measured["baseline"]
    points = measured["sizes"]
    if not points:
        return _nothing(plan.device, started.free, f"not even {measured['out_of_memory']} windows fit")
    return Forecast(
        device=measured["device"],
        step=Line.through([(p["tokens"], p["peak"] - baseline) for p in points]),
        scoring=Line.through([(p["tokens"], p["evaluation_peak"] - baseline) for p in points]),
        held_out=padded(plan.held_out),
        other=0.0 if cuda else max(measured["loading"], measured["saving"]),
        baseline=baseline,
        seconds=Line.through([(p["tokens"], p["seconds"]) for p in points]),
        evaluation=Line.through([(p["tokens"], p["evaluation"]) for p in points]),
        saving=measured["saving_seconds"],
        free=started.free,
    )


def _nothing(device: str, free: float, failed: str, *, late: bool = False) -> Forecast:
    none = Line(0.0, 0.0)
    return Forecast(device, none, none, 0, 0, 0, none, none, 0, free, failed, late)


class _ProbeError(Exception):
    """The child process measured nothing, and why; ``late`` if it ran out of time."""

    late = False


@dataclass(frozen=True, slots=True, eq=False)
class Started:
    """The child process that waits to measure, and the bytes that were free before it was there."""

    child: subprocess.Popen[str]
    free: float


def begin(bench: Bench) -> Started:
    """Start :mod:`sad.preflight.probe` on the plan's recipe; it loads the pair and waits."""
    here = str(Path(__file__).parents[2])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    free = room(bench.plan.device)
    child = subprocess.Popen(
        # not in the current folder, where a checkout of another version may be
        [sys.executable, "-P", "-m", "sad.preflight.probe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert child.stdin is not None
    # a child that died at once says why when its result is read
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(json.dumps(bench.plan.recipe.model_dump(mode="json", exclude_none=True)) + "\n")
        child.stdin.flush()
    return Started(child, free)


def begin_early(bench: Bench) -> None:
    """Let the child process load while the other examinations work, where there is room for both."""
    used = float(psutil.Process().memory_info().rss)
    if bench.plan.device == "cpu" and room("cpu") > ROOMY * used:
        bench.once(begin)


def end(bench: Bench) -> None:
    """End the child process, if there is one."""
    started = bench.known(begin)
    if started is not None and started.child.poll() is None:
        started.child.kill()
        started.child.communicate()


def probe(started: Started) -> dict[str, Any]:
    """Let the child process measure, and return what it measured. Raises _ProbeError."""
    child = started.child
    try:
        out, error = child.communicate("go\n", timeout=SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        late = _ProbeError(f"two small micro-batches took more than {SECONDS:g} s")
        late.late = True
        raise late from None
    if child.returncode < 0:
        raise _ProbeError(f"the system ended the process (signal {-child.returncode}): out of memory")
    if child.returncode:
        raise _ProbeError((error.strip().splitlines() or ["no reason given"])[-1])
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


def room(device: str) -> float:
    """Return the bytes that a run can use: on the device, or on the host once this process has ended."""
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
