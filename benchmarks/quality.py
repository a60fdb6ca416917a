"""What the student-aware parts give: held-out bits per byte at equal tokens and at equal time.

    python benchmarks/quality.py --pair embedded --steps 300 --seeds 3 --out embedded.jsonl
    python benchmarks/quality.py --pair real --steps 60 --seeds 3 --out real.jsonl --peer-python VENV/bin/python

Same student, same initial weights, same batches in the same order; only the named part differs. Time is processor time
of the steps alone, without loading and scoring. At equal time a variant takes as many steps, with a learning rate that
ends there, as fit into the time that `off` takes. Finished runs are read from --out and not made again. The real pair
needs `sad assets fetch smollm2`; a peer's Python needs trl, and shares nothing else with ours.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quality_runs import Run, Runs
from quality_trl import missing, trl

from sad.errors import UserError
from sad.evaluate import Scores
from sad.objective import Ledger
from sad.quiet import quiet_libraries
from sad.recipe.schema import load
from sad.train.loop import train
from sad.train.plan import make_plan

TEXT = str(Path(__file__).parent.parent / "fixtures" / "tiny_en.txt")
PAIRS: dict[str, dict[str, Any]] = {
    "embedded": {},
    "real": {
        "teacher.model": "asset:smollm2",
        "student.model": "random:4x192",
        "student.tokenizer": "asset:smollm2",
        "data.text": TEXT,
        "data.held_out": 4,
        "train.batch_size": 4,
    },
}
"""The embedded pair has two tokenizers, the real one has one."""
SHARES = {"kd": 50.0, "lm": 45.0, "layerwise": 5.0}
OFF, LABELS = "off", "labels only"
VARIANTS: dict[str, dict[str, Any]] = {
    OFF: {},
    LABELS: {"terms.kd.weight": 0.0, "terms.layerwise.weight": 0.0},
    "tokens, power 0.5": {"aware.tokens.power": 0.5},
    "tokens, power -0.5": {"aware.tokens.power": -0.5},
    "layers, fixed, weight 0.3": {"terms.layerwise.weight": 0.3},
    "layers, learned, weight 0.3": {"terms.layerwise.weight": 0.3, "aware.layers.learned": True},
    "time": {"aware.time.terms": ["kd", "layerwise"]},
    "shares of the value": {"shares": SHARES},
    "shares of the gradient": {"shares": SHARES, "aware.shares.of": "gradient"},
}
PEER = "TRL"
"""GKD where both read with one tokenizer, GOLD (hybrid, with the labels' loss) where they do not."""
ALIKE = 0.05
"""How far the time of a step may be from that of `off` and count as the same."""
SHORT, TIMES = 15, 3
"""Steps of a run that is only timed, and how often it is, each time beside one of `off`: the processor time of the same
work differs by a sixth from one hour to the next on a busy machine, so only neighbours compare."""
COST = ": time of "


class Stopwatch:
    """Processor seconds from the first evaluation to the last step."""

    def __init__(self) -> None:
        self.first = self.last = 0.0

    def step(self, step: int, ledger: Ledger, rate: float) -> None:
        self.last = time.process_time()

    def evaluation(self, step: int, scores: Scores) -> None:
        self.first = self.first or time.process_time()

    def say(self, line: str) -> None:
        return None


def made(peer: str | None, cache: str | None, pair: str, variant: str, seed: int, steps: int) -> Run:
    """Train a variant and score it."""
    fixed = {"train.epochs": 1e6, "train.max_steps": steps, "train.eval_every": steps, "train.save_every": steps}
    stored = {"cache.path": cache} if cache and variant != PEER else {}
    models, only_timed, _ = pair.partition(COST)
    scored = {"data.eval_windows": 1} if only_timed else {}
    changes = {**PAIRS[models], **fixed, **stored, **scored, "train.seed": seed, **VARIANTS.get(variant, {})}
    plan = make_plan(load(None, changes))
    if variant == PEER:
        assert peer is not None, "main() asks before"
        return trl(peer, plan, pair, variant, seed, steps)
    watch = Stopwatch()
    with TemporaryDirectory() as folder:
        found = train(plan, Path(folder), watch)
    if found.ending.early:
        raise SystemExit(f"{variant}, seed {seed}: stopped at step {found.step}")
    return Run(pair, variant, seed, steps, found.after.likelihood.bits_per_byte, watch.last - watch.first)


def at_equal_time(runs: Runs, pair: str, variant: str, steps: int, seeds: Iterable[int]) -> tuple[int, float]:
    """Return the steps of a variant that fit into the time of `off`, and its time over that of `off`."""
    if variant == OFF:
        return steps, 1.0
    if variant == PEER:
        # it starts a program of its own: the whole runs are compared
        pairs = [(runs.known(pair, variant, seed, steps), runs.known(pair, OFF, seed, steps)) for seed in seeds]
    else:
        name = f"{pair}{COST}{variant}"
        pairs = [(runs.get(name, variant, n, SHORT), runs.get(name, OFF, n, SHORT)) for n in range(TIMES)]
    ratio = statistics.median(own.seconds / off.seconds for own, off in pairs)
    return (steps if abs(ratio - 1) < ALIKE else max(1, round(steps / ratio))), ratio


def row(runs: Runs, pair: str, variant: str, steps: int, seeds: list[int], timed_too: bool) -> str:
    """Run what is missing; return a line of the table."""
    same = [runs.get(pair, variant, seed, steps) for seed in seeds]
    for seed in seeds:
        runs.get(pair, OFF, seed, steps)
    off = [runs.known(pair, OFF, seed, steps).bits for seed in seeds]
    first = f"| {variant} | {spread([r.bits for r in same])} | {against([r.bits for r in same], off)} |"
    if not timed_too:
        return f"{first} | | | |"
    fit, ratio = at_equal_time(runs, pair, variant, steps, seeds)
    timed = [runs.get(pair, variant, seed, fit) for seed in seeds]
    return (
        f"{first} {ratio:.2f} | {fit} | {spread([r.bits for r in timed])} | {against([r.bits for r in timed], off)} |"
    )


def spread(bits: list[float]) -> str:
    """Mean over the seeds, and half of the way from the smallest to the largest."""
    return f"{statistics.mean(bits):.4f} ± {(max(bits) - min(bits)) / 2:.4f}"


def against(bits: list[float], off: list[float]) -> str:
    """Mean difference to `off`, seed by seed, and of how many seeds it is better."""
    each = [b - o for b, o in zip(bits, off, strict=True)]
    return f"{statistics.mean(each):+.4f} ({sum(e < 0 for e in each)} of {len(each)} better)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", choices=PAIRS, default="embedded")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="*", default=[*VARIANTS, PEER], choices=[*VARIANTS, PEER])
    parser.add_argument("--cache", default=None, help="the teacher's answers by `sad cache`, for our own variants")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines of finished runs, added to")
    parser.add_argument("--peer-python", default=None, help="a Python that has trl, for its trainers")
    parser.add_argument("--tokens-only", action="store_true", help="leave out the comparison at equal time")
    asked = parser.parse_args()
    quiet_libraries()
    runs = Runs(asked.out, partial(made, asked.peer_python, asked.cache))
    seeds = list(range(asked.seeds))
    print("| variant | bits/byte, equal tokens | against off | time | steps at equal time | bits/byte | against off |")
    print("|---|---|---|---|---|---|---|")
    for variant in asked.variants:
        if variant == PEER and (told := missing(asked.peer_python)):
            print(f"| {PEER} | left out: {told} | | | | | |")
            continue
        print(row(runs, asked.pair, variant, asked.steps, seeds, not asked.tokens_only), flush=True)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(str(error)) from None
