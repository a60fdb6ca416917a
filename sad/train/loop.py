"""The training loop, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from sad.align.reader import Ints
from sad.batch import Batch
from sad.data import Example, blank, collate
from sad.distiller import Distiller
from sad.evaluate import Likelihood, Scores, evaluate, likelihood
from sad.objective import Objective
from sad.train import checkpoint
from sad.train.checkpoint import Progress
from sad.train.folder import STUDENT
from sad.train.interrupt import Interrupt
from sad.train.optimizer import make_optimizer, set_learning_rate
from sad.train.plan import Plan
from sad.train.progress import Watcher
from sad.train.record import NoRecord, Record
from sad.train.step import take_step


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. ``before`` are the scores at ``start``, the step at which this process took it up: 0, or that
    of a checkpoint. ``signal`` is the number of the signal that ended it early, else None.
    """

    folder: Path
    start: int
    step: int
    before: Scores
    after: Scores
    teacher: Likelihood
    signal: int | None


def train(plan: Plan, folder: Path, watch: Watcher, *, resume: bool = False) -> Result:
    """Distil: take every step of the plan, evaluate, save, put all on record in ``folder``.

    A run that is resumed goes on exactly where its newest checkpoint stands. Raises UserError if it has none.
    """
    recipe = plan.recipe.train
    accelerator = _accelerator(plan)
    distiller, optimizer, objective = _parts(plan, accelerator)
    progress = checkpoint.load(folder, distiller, optimizer, objective) if resume else Progress()
    wrapped, optimizer = accelerator.prepare(distiller, optimizer)
    schedule = plan.schedule(accelerator.num_processes)
    start, saved = progress.step, progress.step if resume else None
    # one process writes; what it writes is the same on all of them
    main = accelerator.is_main_process
    record = Record(folder, plan, watch, saved) if main else NoRecord()

    def score() -> Scores:
        with accelerator.autocast():
            return evaluate(distiller, _held_out(plan), objective)

    def save() -> int:
        if main:
            path = checkpoint.save(folder, progress, distiller, optimizer, objective, recipe.keep_checkpoints)
            record.saved(progress.step, path)
        accelerator.wait_for_everyone()
        return progress.step

    with Interrupt() as interrupt, record.recorder:
        with accelerator.autocast():
            known = likelihood(distiller, _held_out(plan))
        if plan.recipe.shares and not resume:
            # from held-out text, so that every process starts with the same weights, and the first record has them
            objective.calibrate(score().ledger)
        before = after = score()
        if not resume:
            record.teacher(0, known)
            record.evaluation(0, before)

        signal = agreed(accelerator, interrupt.signal)
        while progress.step < plan.steps and signal is None:
            started = time.perf_counter()
            mine = schedule.micro_batches(progress.step, accelerator.process_index)
            batches = [_batch(plan, some) for some in mine]
            rate = set_learning_rate(optimizer, progress.step, plan.steps, recipe)
            done = take_step(accelerator, wrapped, optimizer, objective, batches, recipe.clip)
            progress.step += 1
            progress.skipped += not done.finite
            epoch = progress.step / schedule.steps_per_epoch
            record.step(progress, done, rate, epoch, time.perf_counter() - started)
            last = progress.step == plan.steps
            if last or progress.step % plan.eval_every == 0:
                after = score()
                record.evaluation(progress.step, after)
            if last or progress.step % plan.save_every == 0:
                saved = save()
            signal = None if last else agreed(accelerator, interrupt.signal)

        if signal is None and main:
            export(plan, distiller, folder / STUDENT)
        elif signal is not None and saved != progress.step:
            save()
        record.ended(progress.step, signal)
        accelerator.wait_for_everyone()
    return Result(folder, start, progress.step, before, after, known, signal)


def _accelerator(plan: Plan) -> Accelerator:
    # accelerate keeps the first precision for the life of the process; ours may train again in another
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision="bf16" if plan.precision == "bf16" else "no", cpu=plan.device == "cpu")


def _parts(plan: Plan, accelerator: Accelerator) -> tuple[Distiller, torch.optim.Optimizer, Objective]:
    """Put the pair on its device, with projectors made from the seed."""
    torch.manual_seed(plan.recipe.train.seed)
    pair, device = plan.pair, accelerator.device
    distiller = Distiller(pair.student, pair.teacher.to(device), pair.vocab, plan.recipe.terms).to(device).train()
    objective = Objective(dict(plan.recipe.terms.weights), plan.recipe.shares)
    return distiller, make_optimizer(distiller, plan.recipe.train), objective


def agreed(accelerator: Accelerator, signal: int | None) -> int | None:
    """Return the signal that any process got: one that stopped alone would leave the others waiting for ever."""
    if accelerator.num_processes == 1:
        return signal
    every = accelerator.gather(torch.tensor([signal or 0], device=accelerator.device))
    return int(every.max()) or None


def export(plan: Plan, distiller: Distiller, folder: Path) -> None:
    """Write the student, and nothing but the student, in Hugging Face format with its tokenizer."""
    distiller.student.save_pretrained(folder)  # type: ignore[operator]
    plan.pair.readers.student.tokenizer.save_pretrained(folder)


def _batch(plan: Plan, numbers: Ints) -> Batch:
    some = [plan.train[i] for i in numbers]
    return collate(some, plan.pair.readers) if some else blank(plan.train[0], plan.pair.readers)


def _held_out(plan: Plan) -> Iterator[Batch]:
    size = plan.recipe.train.batch_size
    some: list[Example] = plan.held_out
    for start in range(0, len(some), size):
        yield collate(some[start : start + size], plan.pair.readers)
