"""What distillation gives in the demo: the embedded student with the teacher's help, and on labels alone.

    python benchmarks/demo.py --seeds 3

Same student, same initial weights, same batches in the same order, same number of steps; only the terms differ.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sad.quiet import quiet_libraries
from sad.recipe.schema import load
from sad.tiny import Silent
from sad.train.loop import train
from sad.train.plan import make_plan

VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "kd + labels": {"terms.layerwise.weight": 0.0},
    "labels alone": {"terms.kd.weight": 0.0, "terms.layerwise.weight": 0.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=None, help="steps of a run; the recipe's own if not given")
    parser.add_argument("--set", action="append", default=[], help="key=value for every variant")
    arguments = parser.parse_args()
    quiet_libraries()
    print("| variant | bits/byte, each seed | mean | KL to teacher | agreement | seconds |")
    print("|---|---|---|---|---|---|")
    for name, changes in VARIANTS.items():
        scores, seconds = [], []
        for seed in range(arguments.seeds):
            overrides = {"train.seed": seed, "train.max_steps": arguments.steps, **changes}
            recipe = load(None, {k: v for k, v in overrides.items() if v is not None})
            started = time.perf_counter()
            with TemporaryDirectory() as folder:
                result = train(make_plan(recipe), Path(folder), Silent())
            seconds.append(time.perf_counter() - started)
            scores.append(result.after)
        each = [s.likelihood.bits_per_byte for s in scores]
        print(
            f"| {name} | {', '.join(f'{b:.3f}' for b in each)} | {statistics.mean(each):.3f} "
            f"| {statistics.mean(s.kl for s in scores):.3f} | {statistics.mean(s.agreement for s in scores):.1%} "
            f"| {statistics.mean(seconds):.0f} |",
            flush=True,
        )
    print(f"| teacher | {result.teacher.bits_per_byte:.3f} | {result.teacher.bits_per_byte:.3f} | 0 | 100.0% | |")


if __name__ == "__main__":
    main()
