"""Forecast against measured peak: what `sad verify` foresees, and what `sad train` then takes, recipe by recipe.

    python benchmarks/memory_forecast.py [RECIPE.toml[:key=value[,key=value...]] ...]

The forecast comes from two small micro-batches; the measured peak is the operating system's, or on CUDA that of torch's
allocator, of a `sad train` of three steps with an evaluation and a checkpoint, in a process of its own. Without
arguments: the embedded pair, three sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sad.preflight.bench import Bench, heaviest, padded
from sad.preflight.memory import forecast
from sad.quiet import quiet_libraries
from sad.recipe import schema as recipes
from sad.recipe import toml
from sad.recipe.schema import Recipe
from sad.train.plan import make_plan
from sad_doctor import names

EMBEDDED = [":train.batch_size=64", ":train.batch_size=128", ":train.batch_size=64,data.max_length=256"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=EMBEDDED, metavar="RECIPE.toml[:key=value,...]")
    asked = parser.parse_args()
    quiet_libraries()
    print("| recipe | forecast, MB | measured, MB | off by | growth: forecast | measured | off by |")
    print("|---|---|---|---|---|---|---|")
    for named in asked.recipes:
        path, _, changes = named.partition(":")
        sets = [recipes.assignment(one) for one in changes.split(",") if one]
        recipe = recipes.load(Path(path) if path else None, dict(sets))
        bench = Bench(make_plan(recipe))
        found = forecast(bench)
        assert not found.failed, found.failed
        peak = found.peak(padded(heaviest(bench.plan)))
        taken = measured(recipe)
        whole, growth = (peak + found.baseline, taken), (peak, taken - found.baseline)
        cells = [f"{a / 1e6:,.0f} | {b / 1e6:,.0f} | {a / b - 1:+.1%}" for a, b in (whole, growth)]
        print(f"| {path or 'embedded'} {changes} | {' | '.join(cells)} |", flush=True)


def measured(recipe: Recipe) -> int:
    """Train three steps in a child process; return the most bytes that it held."""
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "recipe.toml"
        how = {"max_steps": 3, "eval_every": 2, "save_every": 3, "log_every": 1}
        train = recipe.train.model_copy(update=how)
        file.write_text(toml.toml(recipe.model_copy(update={"train": train})))
        command = [sys.executable, "-m", "sad", "train", "--config", str(file), "--output", f"{made}/runs"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, command
        lines = next(Path(made).glob("runs/*/metrics.jsonl")).read_text(encoding="utf-8").splitlines()
        on_device = [json.loads(line).get(names.MEMORY_DEVICE, 0) for line in lines]
        # where there is a device, its memory is what is foreseen
        return int(max(on_device)) or usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
