"""What the ledger and the guards cost, as a share of a step: with and without, in turns, in one run.

    python benchmarks/ledger.py [--pairs 40]

Each pair of steps is the same batch, once as the loop takes it (clock, size of the update where it is due, spike guard,
a line in the record, memory) and once bare; which comes first alternates. What is measured seldom, and the doctor's
rules, are timed by themselves and divided by how often they come. Times are seconds of this process on its processors,
which other programs disturb little; the ratios are the result.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sad.batch import Batch
from sad.quiet import quiet_libraries
from sad.recipe.schema import load
from sad.train import update
from sad.train.clock import Clock
from sad.train.ledger.grad_shares import grad_shares
from sad.train.ledger.measurements import measured
from sad.train.ledger.record import Record
from sad.train.ledger.teacher_signals import teacher_signals
from sad.train.parts import make_parts
from sad.train.plan import make_plan
from sad.train.saving.checkpoint import Progress
from sad.train.step import Learner, take_step
from sad.train.watch.red_flags import PRICE, RedFlags
from sad.train.watch.spikes import is_spike, remember


class Silent:
    def step(self, *_: object) -> None: ...

    def evaluation(self, *_: object) -> None: ...

    def say(self, line: str) -> None: ...


def main() -> None:
    quiet_libraries()
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--pairs", type=int, default=40)
    pairs = asked.parse_args().pairs
    plan = make_plan(load(None, {}))
    accelerator, distiller, optimizer, objective = make_parts(plan)
    wrapped, optimizer = accelerator.prepare(distiller, optimizer)
    learner = Learner(accelerator, wrapped, optimizer, objective)
    clip, log_every = plan.recipe.train.clip, plan.recipe.train.log_every
    progress, clock = Progress(), Clock()
    with tempfile.TemporaryDirectory() as made:
        record = Record(Path(made), plan, Silent())

        def bare(batches: Sequence[Batch]) -> float:
            started = time.process_time()
            take_step(learner, batches, clip, measure_update=False)
            return time.process_time() - started

        def whole(batches: Sequence[Batch]) -> float:
            started = time.process_time()
            clock.start()
            asks = update.measured(progress.step + 1, log_every)
            done = take_step(
                learner, batches, clip, measure_update=asks, is_spike=partial(is_spike, progress), clock=clock
            )
            progress.took(done.finite, done.seen)
            remember(progress, done.ledger.loss, done.spike)
            told = partial(measured, clock, optimizer, progress, "cpu", {})
            record.step(progress, done, 1e-3, 0.0, 1.0, told)
            return time.process_time() - started

        ratios: dict[bool, list[float]] = {True: [], False: []}
        steps = []
        for number in range(pairs):
            batches = [plan.batch(rows) for rows in plan.schedule().rows(number, 0)]
            one, other = (bare, whole) if number % 2 else (whole, bare)
            times = {one: one(batches), other: other(batches)}
            ratios[update.measured(progress.step, log_every)].append(times[whole] / times[bare])
            steps.append(times[bare])
        step = statistics.median(steps)
        started = time.process_time()
        grad_shares(accelerator, distiller, objective, batches[0])
        teacher_signals(accelerator, distiller, batches[0])
        seldom = (time.process_time() - started) / step / plan.recipe.train.grad_shares_every
        flags = RedFlags(Path(made), "warn", 3)
        flags.look(progress, last=True)
        often = 1 / update.EVERY
        line, sized = (statistics.median(ratios[asks]) - 1 for asks in (False, True))
        each, every = (1 - often) * line + often * sized, plan.recipe.train.grad_shares_every
        print(f"step {step * 1000:.0f} ms, {pairs} pairs, {progress.step} lines in the record")
        print(
            f"a line of the record: {line:+.2%} of a step; with the size of the update: {sized:+.2%}, one step in ten"
        )
        print(f"shares of the gradient and teacher's loss: {seldom:.2%} (once in {every} steps)")
        print(f"the ledger: {each + seldom:.2%} of a step; aim: at most 3%")
        print(f"the doctor's rules: {flags.spent * 1000:.0f} ms a look, held to {PRICE:.0%} of the time")


if __name__ == "__main__":
    main()
