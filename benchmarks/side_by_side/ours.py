"""Our own step, as `sad train` takes it: feed, teacher, student, terms, optimizer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from side_by_side.measure import WARM, Peak, ideal_operations, rate_of_products, told


def steps(asked: dict[str, Any], pair: dict[str, Path], peak: Peak) -> dict[str, Any]:
    import torch

    from sad.quiet import quiet_libraries
    from sad.recipe.schema import parse
    from sad.train.batches.feed import Feed
    from sad.train.block_modes import as_asked
    from sad.train.clock import Clock
    from sad.train.parts import make_parts
    from sad.train.plan import make_plan
    from sad.train.processes import devices
    from sad.train.step import Learner, take_step

    quiet_libraries()
    recipe = parse(
        {
            "teacher": {"model": str(pair["teacher"])},
            "student": {"model": str(pair["student"])},
            "data": {"text": str(pair["text"]), "max_length": 256, "held_out": 2, "workers": 0},
            "train": {
                "batch_size": 8,
                "max_steps": asked["steps"],
                "epochs": 1000,
                "precision": asked.get("precision", "fp32"),
                "device": "cpu",
                "learning_rate": 1e-4,
                "packing": not asked["full"],
                "compile": asked.get("compile", False),
            },
            "terms": {
                "kd": {"weight": 1.0},
                "lm": {"weight": 1.0 if asked.get("lm") else 0.0},
                "layerwise": {"weight": 0.0},
            },
        },
        "the benchmark",
    )
    plan = make_plan(recipe)
    accelerator, distiller, optimizer, objective = make_parts(plan)
    schedule, clock = plan.schedule(), Clock(accelerator.device)
    wrapped, optimizer = devices.prepare(accelerator, distiller, optimizer, 1.0)
    learner = Learner(accelerator, wrapped, optimizer, objective)
    times, tokens, computed, split = [], [], [], {}
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
    ideal = ideal_operations(plan.pair.teacher, plan.pair.student, mean)
    whole = sum(split.values())
    parts = ", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in split.items())
    padded = sum(computed[WARM:]) / len(computed[WARM:])
    return told(times, mean, padded, ideal, peak, rates, split=parts, version=torch.__version__.split("+")[0])
