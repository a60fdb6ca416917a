"""The child process that measures: peak memory and seconds of the run's own step, at two sizes of the micro-batch.

A process of its own, because a peak of the process that asks would hold all that the other examinations did.
``python -m sad.preflight.probe`` reads a recipe in JSON from the first line of standard input and loads it; at the
second line it measures, and prints JSON. So it can load while others work, and measure while nobody does.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sad.batch import Batch
    from sad.data import Example
    from sad.recipe.schema import Recipe
    from sad.train.plan import Plan
    from sad.train.step import Learner

SMALL = 6144
"""Padded student tokens of the larger of the two sizes, at the most."""
APART = 4
"""Times that the larger size has the smaller one's windows: a line through near points magnifies their noise."""
MOST_LOGITS = 100_000_000
"""Logits of both models in the larger of the two sizes, at the most: some seconds of one core."""
MOST_ON_CUDA = 2**16
"""Padded student tokens there, whatever the vocabulary: it takes seconds, and a pass over the vocabulary grows with a
few rows as it does not with many, so that the line through two small sizes would tell of neither."""
MOST_KEPT, LEAST_MAPPED = 32 * 2**20, 128 * 2**10
"""Of glibc's malloc: the largest block that its heap keeps by itself, and the smallest that it maps at first."""
TRIM_THRESHOLD, MAP_THRESHOLD = -1, -3
"""Parameter numbers of ``mallopt`` (malloc.h)."""


def main() -> None:
    """Measure, and print what was measured."""
    from sad.quiet import quiet_libraries

    quiet_libraries()
    from sad.recipe.schema import parse

    recipe = parse(json.loads(sys.stdin.readline()), "the recipe")
    # what a library prints must not get between the numbers
    out, sys.stdout = sys.stdout, sys.stderr
    if (found := _measured(recipe, sys.stdin.readline)) is not None:
        out.write(json.dumps(found) + "\n")
        out.flush()


def _measured(recipe: Recipe, told: Callable[[], str]) -> dict[str, Any] | None:
    """Load, wait until told to go on, measure; None if whoever asked is gone."""
    import torch

    from sad.train.loss_scale import LossScale
    from sad.train.parts import make_parts
    from sad.train.plan import make_plan
    from sad.train.saving import checkpoint
    from sad.train.saving.checkpoint import Progress
    from sad.train.step import Learner

    baseline = resident()
    plan = make_plan(recipe)
    accelerator, distiller, optimizer, objective = make_parts(plan)
    wrapped, optimizer = accelerator.prepare(distiller, optimizer)
    loading = peak()
    learner = Learner(accelerator, wrapped, optimizer, objective, LossScale.of(plan.precision))
    found: dict[str, Any] = {"device": plan.device, "sizes": [], "steps": plan.steps, "held_out": len(plan.held_out)}
    wanted = sizes(plan)
    if not told():
        return None
    while not found["sizes"]:
        try:
            found["sizes"] = _at_sizes(plan, learner, wanted)
        except torch.OutOfMemoryError:
            found["out_of_memory"] = len(wanted[-1])
        if len(wanted[-1]) < 2 * APART:
            break
        wanted = [some[: max(1, len(some) // APART)] for some in wanted]
    start_again()
    with tempfile.TemporaryDirectory(prefix="sad-preflight-") as made:
        started = time.perf_counter()
        checkpoint.save(Path(made), Progress(), distiller, optimizer, objective, 1)
        found["saving_seconds"] = time.perf_counter() - started
    # the host memory of a run outside of a step
    found |= {"baseline": baseline, "loading": loading - baseline, "saving": peak() - baseline}
    return found


def _at_sizes(plan: Plan, learner: Learner, wanted: Sequence[Sequence[Example]]) -> list[dict[str, float]]:
    """Measure each size, the smaller one first. Raises torch.OutOfMemoryError."""
    # the first step makes what is there ever after: the optimizer's state, the libraries' workspaces
    _step(plan, learner, wanted[0])
    scored = [_scored(plan, learner, some) for some in wanted]
    behave_as_larger(plan, wanted[-1])
    return [before | _at(plan, learner, some) for some, before in zip(wanted, scored, strict=True)]


def _at(plan: Plan, learner: Learner, some: Sequence[Example]) -> dict[str, float]:
    """Train on one micro-batch; return its size, its peak and the seconds."""
    from sad.train.ledger.grad_shares import grad_shares

    batch, device = _collated(plan, some), learner.accelerator.device.type
    start_again(device)
    seconds = _step(plan, learner, some)
    if plan.recipe.train.grad_shares_every:
        # rare, but due after the first step; a gradient for each term takes more memory than one for their sum
        grad_shares(learner.accelerator, learner.distiller, learner.objective, batch, learner.scaled)
    return {
        "tokens": batch.student.input_ids.numel(),
        "peak": peak(device),
        "seconds": seconds,
    }


def _scored(plan: Plan, learner: Learner, some: Sequence[Example]) -> dict[str, float]:
    """Evaluate one micro-batch; return the peak and the seconds.

    Apart from training, because a run may evaluate on other sizes than it trains on, and the two grow at different
    slopes; and on what lives, not on what a step left behind in the heap, which says nothing of other sizes.
    """
    from sad.evaluate import evaluate

    batch, device = _collated(plan, some), learner.accelerator.device.type
    give_back()
    start_again(device)
    started = time.perf_counter()
    with learner.accelerator.autocast():
        evaluate(learner.distiller, [batch], learner.objective)
    return {"evaluation_peak": peak(device), "evaluation": time.perf_counter() - started}


def _step(plan: Plan, learner: Learner, some: Sequence[Example]) -> float:
    """Take one of the run's own steps on copies of a micro-batch; return the seconds of one of them."""
    from sad.train.step import take_step

    # gradients of one micro-batch are there while the next one runs
    micro = min(2, plan.recipe.train.accumulation)
    started = time.perf_counter()
    batches = [_collated(plan, some)] * micro
    take_step(learner, batches, plan.recipe.train.clip)
    seconds: float = (time.perf_counter() - started) / micro
    return seconds


def _collated(plan: Plan, some: Sequence[Example]) -> Batch:
    from sad.data import collate

    return collate(some, plan.pair.readers)


def sizes(plan: Plan) -> list[list[Example]]:
    """Return the windows of two micro-batches, from the heaviest of the run, cut where whole ones would take long."""
    from sad.preflight.bench import heaviest, shortened

    # the longest first: a part of the batch is then as wide as the whole
    batch = sorted(heaviest(plan), key=lambda one: -len(one.student))
    length = len(batch[0].student)
    small = min(SMALL, MOST_LOGITS // (plan.pair.readers.student.size + plan.pair.readers.teacher.size))
    if plan.device == "cuda":
        small = MOST_ON_CUDA
    most = max(1, min(len(batch), small // length))
    if most == 1:
        whole = shortened(batch[0], max(16, min(length, small)))
        return [[shortened(whole, max(8, len(whole.student) // 2))], [whole]]
    return [batch[: max(1, most // APART)], batch[:most]]


def behave_as_larger(plan: Plan, some: Sequence[Example]) -> None:
    """Set glibc's allocator so that small sizes behave as the whole micro-batch would.

    It keeps blocks up to 32 MiB in its heap when they are freed, in pieces, and gives larger ones back. A tensor that
    is larger than that in the run, and smaller here, would make the line too steep: the limit shrinks with the size.
    Measured on the embedded pair, 64 windows of 256 tokens: 17% too high without, 1% too low with it. Only after
    loading, which must behave as it does in the run: set from the start, it left 320 MB more behind (SmolLM2).
    """
    from sad.preflight.bench import heaviest, padded

    share = padded(some) / padded(heaviest(plan))
    if share >= 1 or sys.platform != "linux":
        return
    limit = max(LEAST_MAPPED, int(MOST_KEPT * share))
    # another C library has no such call
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(MAP_THRESHOLD, limit)
        library.mallopt(TRIM_THRESHOLD, 2 * limit)


def give_back() -> None:
    """Let glibc give the memory that is free in its heap back to the system."""
    # another C library has no such call
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def resident() -> int:
    """Return the bytes of this process that are in memory now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak()
    return pages * os.sysconf("SC_PAGE_SIZE")


def start_again(device: str = "cpu") -> None:
    """Forget the peak so far, where the system can: else peaks only rise, and sizes are measured from the smallest."""
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak(device: str = "cpu") -> int:
    """Return the most bytes that were held at once since :func:`start_again`: of the process, or of tensors on CUDA."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most


if __name__ == "__main__":
    main()
