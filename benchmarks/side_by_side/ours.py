"""Our own step, as `sad train` takes it: feed, teacher, student, terms, optimizer."""

from __future__ import annotations

import resource
import sys
import time
from contextlib import redirect_stdout
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from side_by_side.measure import WARM, Peak, ideal_operations, rate_of_products, told


def recipe_of(asked: dict[str, Any], pair: dict[str, Path]) -> dict[str, Any]:
    """Return the recipe of a variant, by its keys' full names."""
    precision, cache = asked.get("precision", "fp32"), dict[str, Any]()
    if asked.get("k"):
        cache = {"cache.path": str(pair["text"].with_suffix(f".{precision}.cache")), "cache.k": asked["k"]}
    return {
        "teacher.model": str(pair["teacher"]),
        "student.model": str(pair["student"]),
        "data.text": str(pair["text"]),
        "data.max_length": 256,
        "data.held_out": 2,
        "data.workers": 0,
        "train.batch_size": 8,
        "train.max_steps": asked["steps"],
        "train.epochs": 1000,
        "train.precision": precision,
        "train.device": "cpu",
        "train.learning_rate": 1e-4,
        "train.packing": not asked["full"],
        "train.compile": asked.get("compile", False),
        "terms.kd.weight": 1.0,
        "terms.lm.weight": 1.0 if asked.get("lm") else 0.0,
        "terms.layerwise.weight": 0.0,
        **cache,
    }


def cached(flat: dict[str, Any]) -> float:
    """Have the teacher asked beforehand, in a process of its own; return the processor seconds that it took."""
    maker = get_context("spawn").Process(target=_ask, args=(flat,))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    maker.start()
    maker.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert maker.exitcode == 0, "the cache was not written"
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _ask(flat: dict[str, Any]) -> None:
    from sad.cli.cache_teacher import cache_teacher

    with redirect_stdout(sys.stderr):
        cache_teacher(None, flat, [], dry_run=False)


def steps(asked: dict[str, Any], pair: dict[str, Path], peak: Peak) -> dict[str, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    from sad.quiet import quiet_libraries
    from sad.recipe.schema import load
    from sad.train.batches.feed import Feed
    from sad.train.block_modes import as_asked
    from sad.train.clock import Clock
    from sad.train.parts import make_parts
    from sad.train.plan import make_plan
    from sad.train.processes import devices
    from sad.train.step import Learner, take_step

    quiet_libraries()
    flat = recipe_of(asked, pair)
    spent = cached(flat) if asked.get("k") else None
    recipe = load(None, flat)
    plan = make_plan(recipe)
    accelerator, distiller, optimizer, objective = make_parts(plan)
    schedule, clock = plan.schedule(), Clock(accelerator.device)
    wrapped, optimizer = devices.prepare(accelerator, distiller, optimizer, 1.0)
    learner = Learner(accelerator, wrapped, optimizer, objective)
    times, tokens, computed = [], [], []
    split: dict[str, float] = {}
    rates = [rate_of_products()]
    with as_asked(plan.recipe.train, distiller), Feed(plan, schedule, accelerator) as feed:
        for step in range(asked["steps"]):
            start = time.process_time()
            clock.start()
            batches = feed.take(step, 1)
            take_step(learner, batches, 1.0, measure_update=False, clock=clock)
            times.append(time.process_time() - start)
            real = sum(int(b.student.attention_mask.sum()) for b in batches)
            tokens.append(real)
            computed.append(sum(b.student.attention_mask.numel() for b in batches))
            if step >= WARM:
                for part, seconds in clock.seconds().items():
                    split[part] = split.get(part, 0.0) + seconds
    rates.append(rate_of_products())
    mean = sum(tokens[WARM:]) / len(tokens[WARM:])
    teacher = plan.pair.teacher
    if asked.get("k"):
        # the same ideal as of a step that asks its teacher; only its sizes are read
        with torch.device("meta"):
            teacher = AutoModelForCausalLM.from_config(teacher.config)
    ideal = ideal_operations(teacher, plan.pair.student, mean)
    whole = sum(split.values())
    parts = ", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in split.items())
    padded = sum(computed[WARM:]) / len(computed[WARM:])
    if spent is not None:
        parts += f"; the teacher asked beforehand: {spent:.0f} s"
    return told(times, mean, padded, ideal, peak, rates, split=parts, version=torch.__version__.split("+")[0])
