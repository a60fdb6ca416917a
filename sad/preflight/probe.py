"""The child process that measures: peak memory and seconds of the run's own step, at two sizes of the micro-batch.

A process of its own, because a peak of the process that asks would hold all that the other examinations did.
Reads a recipe in TOML on standard input, prints JSON. ``python -m sad.preflight.probe < recipe.toml``
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

SMALL = 4096
"""Padded student tokens of the larger of the two sizes, at the most."""
REPEATS = 2
"""Steps of each size: the first makes what the second finds there."""


def main() -> None:
    """Measure, and print what was measured."""
    from sad.quiet import quiet_libraries

    quiet_libraries()
    from sad.recipe import parse

    recipe = parse(tomllib.loads(sys.stdin.read()), "the recipe")
    # whatever a library prints must not stand among the numbers
    out, sys.stdout = sys.stdout, sys.stderr
    out.write(json.dumps(_measured(recipe)) + "\n")
    out.flush()


def _measured(recipe: Any) -> dict[str, Any]:  # noqa: ANN401 - imported late
    import torch

    from sad.train import checkpoint, loop
    from sad.train.checkpoint import Progress
    from sad.train.plan import make_plan

    baseline = resident()
    plan = make_plan(recipe)
    accelerator = loop._accelerator(plan)
    distiller, optimizer, objective = loop._parts(plan, accelerator)
    wrapped, optimizer = accelerator.prepare(distiller, optimizer)
    loading = peak()
    parts = (accelerator, distiller, wrapped, optimizer, objective)
    found: dict[str, Any] = {"device": plan.device, "sizes": [], "steps": plan.steps, "held_out": len(plan.held_out)}
    for some in sizes(plan):
        try:
            found["sizes"].append(_at(plan, parts, some))
        except torch.OutOfMemoryError:
            found["out_of_memory"] = len(some)
            break
    start_again()
    with tempfile.TemporaryDirectory(prefix="sad-preflight-") as made:
        started = time.perf_counter()
        checkpoint.save(Path(made), Progress(), distiller, optimizer, objective, 1)
        found["saving_seconds"] = time.perf_counter() - started
    # what the run holds on the host at other times than in a step
    found |= {"baseline": baseline, "loading": loading - baseline, "saving": peak() - baseline}
    return found


def _at(plan: Any, parts: Any, some: list[Any]) -> dict[str, float]:  # noqa: ANN401
    """Evaluate and train on one micro-batch; return its size, the peak above the baseline, and the seconds."""
    import torch

    from sad.data import collate
    from sad.evaluate import evaluate
    from sad.train.step import take_step

    accelerator, distiller, wrapped, optimizer, objective = parts
    cuda = accelerator.device.type == "cuda"
    batch = collate(some, plan.pair.readers)
    start_again()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    with accelerator.autocast():
        evaluate(distiller, [batch], objective)
    evaluation, seconds = time.perf_counter() - started, 0.0
    # gradients of one micro-batch are there while the next one runs
    micro = min(2, plan.recipe.train.accumulation)
    for _ in range(REPEATS):
        started = time.perf_counter()
        take_step(accelerator, wrapped, optimizer, objective, [batch] * micro, plan.recipe.train.clip)
        seconds = (time.perf_counter() - started) / micro
    top = torch.cuda.max_memory_allocated() if cuda else peak()
    return {"tokens": batch.student.input_ids.numel(), "peak": top, "seconds": seconds, "evaluation": evaluation}


def sizes(plan: Any) -> list[list[Any]]:  # noqa: ANN401
    """Return the windows of two micro-batches, from the heaviest of the run, cut where whole ones would take long."""
    from sad.preflight.bench import MOST_LOGITS, heaviest, shortened

    batch = heaviest(plan)
    length = max(len(one.student) for one in batch)
    small = min(SMALL, MOST_LOGITS // (plan.pair.readers.student.size + plan.pair.readers.teacher.size))
    most = max(1, min(len(batch), small // length))
    if most == 1:
        whole = shortened(batch[0], max(16, min(length, small)))
        return [[shortened(whole, max(8, len(whole.student) // 2))], [whole]]
    return [batch[: max(1, most // 2)], batch[:most]]


def resident() -> int:
    """Return the bytes of this process that are in memory now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak()
    return pages * os.sysconf("SC_PAGE_SIZE")


def start_again() -> None:
    """Forget the peak so far, where the system can: else peaks only rise, and sizes are measured from the smallest."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Return the most bytes of this process that were in memory at once since :func:`start_again`."""
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most


if __name__ == "__main__":
    main()
