"""The training loop, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sad.batch import Batch
from sad.data import Schedule, blank
from sad.evaluate import Likelihood, Scores
from sad.objective import Objective
from sad.train import update
from sad.train.aware import measured_from, steer
from sad.train.batches.feed import Feed
from sad.train.batches.supply import Supply, taken_up
from sad.train.block_modes import as_asked
from sad.train.clock import Clock
from sad.train.guards import Guards
from sad.train.held_out import HeldOut
from sad.train.in_vain import InVain
from sad.train.ledger.grad_shares import grad_shares
from sad.train.ledger.measurements import due, measured
from sad.train.ledger.record import NoRecord, Record
from sad.train.ledger.teacher_signals import teacher_signals
from sad.train.loss_scale import LossScale
from sad.train.optimizer import set_learning_rate
from sad.train.parts import make_parts
from sad.train.plan import Plan
from sad.train.processes import devices, sharded
from sad.train.progress import Watcher
from sad.train.saving.checkpoint import Progress
from sad.train.saving.export import export
from sad.train.saving.folder import STUDENT
from sad.train.step import Learner, Step, take_step
from sad.train.watch.ending import Ending
from sad.train.watch.interrupt import Interrupt
from sad_doctor import names


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. ``before`` are the scores at ``start``, the step at which this process took it up: 0, or that
    of a checkpoint. ``left_out`` of all steps of the run changed no weight, as their loss or gradient was not finite.
    ``ending`` says why it ended.
    """

    folder: Path
    start: int
    step: int
    left_out: int
    before: Scores
    after: Scores
    teacher: Likelihood
    ending: Ending

    @property
    def signal(self) -> int | None:
        """The number of the signal that ended it early, else None."""
        return self.ending.signal


@dataclass(frozen=True, slots=True)
class Stepper:
    """Takes the steps of a run, one at a time, and puts each on record."""

    plan: Plan
    progress: Progress
    schedule: Schedule
    learner: Learner
    feed: Feed
    supply: Supply
    clock: Clock
    guards: Guards
    record: Record | NoRecord

    @classmethod
    def of(cls, plan: Plan, folder: Path, watch: Watcher, *, resume: bool, began: float | None) -> Stepper:
        """Make what takes the steps of a plan, where the newest checkpoint of ``folder`` stands if it is resumed.

        Raises UserError if there is none. ``began`` is as for :func:`train`.
        """
        recipe = plan.recipe.train
        accelerator, distiller, optimizer, objective = make_parts(plan)
        schedule = plan.schedule(accelerator.num_processes)
        fresh = Progress(per_step=schedule.per_step, manner=schedule.manner)
        wrapped, optimizer = devices.prepare(accelerator, distiller, optimizer, recipe.clip)
        # only now is what a checkpoint holds cut where this run cuts it
        progress = taken_up(folder, plan, schedule, fresh, distiller, optimizer, objective) if resume else fresh
        # one process writes; what it writes is the same on all of them
        main, saved = accelerator.is_main_process, progress.step if resume else None
        record = Record(folder, plan, watch, saved) if main else NoRecord()
        guards = Guards(accelerator, recipe, folder, progress, record, saved, began, sharded.in_pieces(distiller))
        learner = Learner(accelerator, wrapped, optimizer, objective, LossScale.of(plan.precision, progress))
        feed, supply = Feed(plan, schedule, accelerator), Supply(plan, schedule, progress)
        return cls(plan, progress, schedule, learner, feed, supply, Clock(accelerator.device), guards, record)

    def next(self) -> Step:
        """Take the next step, with smaller micro-batches where the memory is too small for it, and count it."""
        plan, progress = self.plan, self.progress
        started = time.perf_counter() - self.supply.waited
        rate = set_learning_rate(self.learner.optimizer, progress.step, plan.steps, plan.recipe.train)
        done, first = self.guards.with_room(self._take, self._undo, shared=True)
        seconds = time.perf_counter() - started
        self.guards.count(done, self.supply)
        passes, measure = self.schedule.passes(progress.step), self._measurements(first)
        self.record.step(progress, done, rate, passes, seconds, measure)
        return done

    def _take(self) -> tuple[Step, Batch]:
        """Return the step and its first micro-batch."""
        progress, recipe = self.progress, self.plan.recipe.train
        self.clock.start(self.supply.waited)
        batches = self.feed.take(progress.step + progress.passed, progress.cuts)
        done = take_step(
            self.learner,
            batches,
            recipe.clip,
            measure_update=update.measured(progress.step + 1, recipe.log_every),
            is_spike=self.guards.is_spike,
            clock=self.clock,
        )
        steer(self.learner, batches[0], progress.step + 1, done)
        return done, batches[0]

    def _undo(self) -> None:
        """Clear what a step that was given up has left. Raises what a step raises."""
        of = self.learner
        if of.accelerator.num_processes > 1:
            # where the forward pass went well, the exchange of gradients still waits for its backward pass: give every
            # process a pass to end on, of a batch that counts for nothing
            distiller = of.distiller
            batch = blank(self.plan.train[0], self.plan.pair.readers).to(of.accelerator.device)
            with of.accelerator.autocast():
                sums = of.wrapped(batch, distiller.ask_teacher(batch))
                of.accelerator.backward(of.objective.part(sums, distiller.counts(batch)))
        of.optimizer.zero_grad(set_to_none=True)

    def _measurements(self, first: Batch) -> Callable[[], Mapping[str, float]]:
        """Return a function that measures the step just taken, called if it is logged; ``first`` is its micro-batch."""
        of, seldom = self.learner, dict[str, float]()
        if not self.guards.pieces and due(self.progress.step, self.plan.recipe.train.grad_shares_every):
            distiller = of.distiller
            shares = grad_shares(of.accelerator, distiller, of.objective, first, of.scaled)
            seldom = {names.GRAD_SHARE + name: share for name, share in shares.items()}
            seldom |= teacher_signals(of.accelerator, distiller, first)
        return partial(measured, self.clock, of.optimizer, self.progress, of.accelerator.device, seldom, of.scale)


def train(
    plan: Plan,
    folder: Path,
    watch: Watcher,
    *,
    resume: bool = False,
    signals: Interrupt | None = None,
    began: float | None = None,
) -> Result:
    """Distil: take every step of the plan, evaluate, save, put all on record in ``folder``.

    A run that is resumed goes on exactly where its newest checkpoint stands. Raises UserError if it has none.
    ``signals`` replaces what notes a Ctrl-C. ``began`` is when ``train.max_hours`` began, by ``time.monotonic``.
    """
    of = Stepper.of(plan, folder, watch, resume=resume, began=began)
    progress, supply, guards, record = of.progress, of.supply, of.guards, of.record
    accelerator, distiller, objective = of.learner.accelerator, of.learner.distiller, of.learner.objective
    held_out = HeldOut(plan, progress, accelerator, distiller, guards)
    in_vain = InVain(progress, plan.steps, plan.precision)
    start = progress.step
    modes = as_asked(plan.recipe.train, distiller)
    with signals or Interrupt() as interrupt, record.recorder, modes, of.feed, supply.open:
        teacher = held_out.teacher()
        before = after = _before(held_out, objective, teacher, NoRecord() if resume else record, fresh=not resume)
        guards.begin(of.learner)
        decision = guards.decide(interrupt, supply, first=True)
        while progress.step < plan.steps and not decision.ends:
            step = of.next()
            last = progress.step == plan.steps
            if last or progress.step % plan.eval_every == 0:
                after = held_out.student(objective)
                record.evaluation(progress.step, after)
            decision = guards.decide(interrupt, supply, last=last)
            if decision.back is not None:
                guards.go_back(decision.back, supply, of.learner)
                continue
            # before it is saved: a run that goes on would take it for done
            in_vain.check(step)
            if last or decision.due or progress.step % plan.save_every == 0:
                guards.save(of.learner)

        ending = guards.ending(decision, supply)
        # not twice where the last step was scored as one that is due
        if ending.spent and (progress.step == start or progress.step % plan.eval_every):
            after = held_out.student(objective)
            record.evaluation(progress.step, after)
        if not ending.early or ending.spent:
            in_vain.conclude()
            export(plan, distiller, folder / STUDENT)
        if ending.early and guards.saved.step != progress.step:
            guards.save(of.learner, must=True)
        record.ended(progress.step, ending)
        accelerator.wait_for_everyone()
    return Result(folder, start, progress.step, progress.skipped, before, after, teacher, ending)


def _before(
    held_out: HeldOut, objective: Objective, teacher: Likelihood, record: Record | NoRecord, *, fresh: bool
) -> Scores:
    """Return the student's scores before the first step that is taken here, and put those of a ``fresh`` run on record.

    ``teacher`` is its likelihood of the same text.
    """
    if held_out.plan.recipe.shares and fresh:
        # from held-out text, so that every process starts with the same weights, and the first record has them
        objective.calibrate(held_out.student(objective).ledger)
    before = measured_from(objective, held_out.student(objective), teacher)
    record.teacher(0, teacher)
    record.evaluation(0, before)
    return before
