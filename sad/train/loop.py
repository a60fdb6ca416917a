"""The training loop, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator

from sad.align.reader import Ints
from sad.batch import Batch
from sad.data import Example, blank, collate
from sad.distiller import Distiller
from sad.errors import TrainingError, UserError
from sad.evaluate import Likelihood, Scores, evaluate, likelihood
from sad.objective import Objective
from sad.train import checkpoint, devices, random_states, sharded
from sad.train.checkpoint import Progress
from sad.train.folder import STUDENT
from sad.train.interrupt import Interrupt
from sad.train.optimizer import make_optimizer, set_learning_rate
from sad.train.plan import Plan
from sad.train.progress import Watcher
from sad.train.record import NoRecord, Record, blame
from sad.train.step import Step, take_step

IN_VAIN = 20
"""Steps in a row whose loss or gradient is not finite, after which there is nothing to wait for."""
ADVICE = "lower train.learning_rate, train in fp32, or look at the data and the weights of the terms"


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


@dataclass(slots=True)
class Saved:
    """Which step the newest checkpoint is of, and when it, or else the run, began."""

    step: int | None
    at: float = field(default_factory=time.monotonic)

    def now(self, step: int) -> None:
        """A checkpoint was written."""
        self.step, self.at = step, time.monotonic()

    def due(self, minutes: float) -> bool:
        """Return whether the last one is older than that."""
        return time.monotonic() - self.at > 60 * minutes


def train(
    plan: Plan, folder: Path, watch: Watcher, *, resume: bool = False, signals: Interrupt | None = None
) -> Result:
    """Distil: take every step of the plan, evaluate, save, put all on record in ``folder``.

    A run that is resumed goes on exactly where its newest checkpoint stands. Raises UserError if it has none.
    ``signals`` replaces what notes a Ctrl-C.
    """
    recipe = plan.recipe.train
    accelerator = _accelerator(plan)
    distiller, optimizer, objective = _parts(plan, accelerator)
    schedule, keep = plan.schedule(accelerator.num_processes), recipe.keep_checkpoints
    fresh = Progress(data=plan.fingerprint, per_step=schedule.per_step)
    progress = _taken_up(folder, plan, fresh, distiller, optimizer, objective) if resume else fresh
    wrapped, optimizer = devices.prepare(accelerator, distiller, optimizer)
    start, saved = progress.step, Saved(progress.step if resume else None)
    # one process writes; what it writes is the same on all of them
    main = accelerator.is_main_process
    record = Record(folder, plan, watch, saved.step) if main else NoRecord()

    def score() -> Scores:
        return _score(plan, accelerator, distiller, objective)

    def save() -> None:
        made = checkpoint.save(folder, progress, distiller, optimizer, objective, keep, writes=main)
        record.saved(progress.step, made)
        accelerator.wait_for_everyone()
        saved.now(progress.step)

    with signals or Interrupt() as interrupt, record.recorder:
        with accelerator.autocast():
            known = likelihood(distiller, _shared(plan, accelerator), devices.reducer(accelerator))
        if plan.recipe.shares and not resume:
            # from held-out text, so that every process starts with the same weights, and the first record has them
            objective.calibrate(score().ledger)
        before = after = score()
        if not resume:
            record.teacher(0, known)
            record.evaluation(0, before)

        signal, _ = agreed(accelerator, interrupt.signal, due=False)
        while progress.step < plan.steps and signal is None:
            started = time.perf_counter()
            mine = schedule.micro_batches(progress.step, accelerator.process_index)
            rate = set_learning_rate(optimizer, progress.step, plan.steps, recipe)
            done = take_step(accelerator, wrapped, optimizer, objective, [_batch(plan, m) for m in mine], recipe.clip)
            progress.took(done.finite)
            record.step(progress, done, rate, progress.step / schedule.steps_per_epoch, time.perf_counter() - started)
            last = progress.step == plan.steps
            if last or progress.step % plan.eval_every == 0:
                after = score()
                record.evaluation(progress.step, after)
            signal, due = agreed(accelerator, None if last else interrupt.signal, due=saved.due(recipe.save_minutes))
            if last or due or progress.step % plan.save_every == 0:
                save()
            _in_vain(plan, progress, done)

        if signal is None:
            export(plan, distiller, folder / STUDENT)
        elif signal is not None and saved.step != progress.step:
            save()
        record.ended(progress.step, signal)
        accelerator.wait_for_everyone()
    return Result(folder, start, progress.step, before, after, known, signal)


def _accelerator(plan: Plan) -> Accelerator:
    return devices.make_accelerator(plan.device, plan.precision, tuple(plan.recipe.terms.weights))


def _parts(plan: Plan, accelerator: Accelerator) -> tuple[Distiller, torch.optim.Optimizer, Objective]:
    """Put the pair on its device, with projectors made from the seed."""
    torch.manual_seed(plan.recipe.train.seed)
    pair = plan.pair
    distiller = Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms).train()
    random_states.seed(plan.recipe.train.seed)
    devices.place(distiller, accelerator, plan.recipe.train.shard_teacher)
    objective = Objective(dict(plan.recipe.terms.weights), plan.recipe.shares)
    return distiller, make_optimizer(distiller, plan.recipe.train), objective


def _taken_up(
    folder: Path,
    plan: Plan,
    fresh: Progress,
    distiller: Distiller,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
) -> Progress:
    """Load the newest checkpoint. Raises UserError where it stands for a training on other data, or by other steps."""
    progress = checkpoint.load(folder, distiller, optimizer, objective)
    if progress.data != plan.fingerprint:
        told = f"the data is not what {folder} was trained on"
        raise UserError(f"{told}: put it back, or start a new run without --resume")
    progress.per_step = progress.per_step or fresh.per_step
    if progress.per_step != fresh.per_step:
        told = f"a step of {folder} takes {progress.per_step} windows, and here it would take {fresh.per_step}"
        raise UserError(f"{told}: change train.accumulation so that the steps are the same")
    return progress


def _score(plan: Plan, accelerator: Accelerator, distiller: Distiller, objective: Objective) -> Scores:
    """Score the student on held-out text, of which each process takes its share."""
    with accelerator.autocast():
        scores = evaluate(distiller, _shared(plan, accelerator), objective, devices.reducer(accelerator))
    sharded.settle(distiller)
    return scores


def _in_vain(plan: Plan, progress: Progress, done: Step) -> None:
    """Raise TrainingError where steps go on being left out: weights that cannot move must not end as a success."""
    if progress.in_vain >= min(IN_VAIN, plan.steps):
        raise TrainingError(f"the last {progress.in_vain} steps were all left out: {blame(done)}; {ADVICE}")


def agreed(accelerator: Accelerator, signal: int | None, *, due: bool) -> tuple[int | None, bool]:
    """Return the signal that any process got, and whether a checkpoint is due on any: one that stopped or saved alone
    would leave the others waiting for ever.
    """
    if accelerator.num_processes == 1:
        return signal, due
    every = accelerator.gather(torch.tensor([[signal or 0, int(due)]], device=accelerator.device))
    return int(every[:, 0].max()) or None, bool(every[:, 1].max())


def export(plan: Plan, distiller: Distiller, folder: Path) -> None:
    """Write the student, and nothing but the student, in Hugging Face format with its tokenizer.

    Every process takes part, for weights that are in pieces; the first one writes.
    """
    first = random_states.rank() == 0
    cut = sharded.is_sharded(distiller)
    more = {"state_dict": sharded.whole_state(distiller.student, keep=first)} if cut else {}
    if not first:
        return
    with checkpoint.disk_errors():
        distiller.student.save_pretrained(folder, **more)  # type: ignore[operator]
    plan.pair.readers.student.tokenizer.save_pretrained(folder)


def _batch(plan: Plan, numbers: Ints) -> Batch:
    some = [plan.train[i] for i in numbers]
    return collate(some, plan.pair.readers) if some else blank(plan.train[0], plan.pair.readers)


def _held_out(plan: Plan) -> Iterator[Batch]:
    size = plan.recipe.train.batch_size
    some: list[Example] = plan.held_out
    for start in range(0, len(some), size):
        yield collate(some[start : start + size], plan.pair.readers)


def _shared(plan: Plan, accelerator: Accelerator) -> Iterator[Batch]:
    """Yield what this process scores of the held-out text."""
    return devices.share(_held_out(plan), accelerator, lambda: blank(plan.held_out[0], plan.pair.readers))
