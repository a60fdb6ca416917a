"""Puts a run on record, in the vocabulary of the doctor. One process writes; the others keep silent."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sad.evaluate import Likelihood, Scores
from sad.objective import Ledger
from sad.train.ledger.backlog import Backlog
from sad.train.ledger.trackers import Trackers
from sad.train.plan import Plan
from sad.train.progress import Watcher
from sad.train.saving import disk
from sad.train.saving.checkpoint import FOLDER, Progress
from sad.train.saving.folder import RECIPE, point
from sad.train.step import Step
from sad.train.watch.ending import Ending
from sad.version import __version__
from sad_doctor import names
from sad_doctor.finding import Finding
from sad_doctor.record import EVENTS, METRICS, Recorder, replace_text

APART = 1e-3
"""Relative tolerance between the trained loss and the sum of its parts: sums in float32 differ by less."""


class Record:
    """The record of one run, and the words for whoever watches it.

    ``resumed_at`` is the step of the checkpoint that it goes on from.
    """

    def __init__(self, folder: Path, plan: Plan, watch: Watcher, resumed_at: int | None = None) -> None:
        if resumed_at is not None:
            for left in (folder, folder / FOLDER):
                disk.sweep(left)
            forget_after(folder, resumed_at)
        self._folder, self._plan, self._watch = folder, plan, watch
        recipe = folder / RECIPE
        self._recipe = recipe.read_bytes() if recipe.is_file() else None
        recorder = Recorder(folder, facts(plan), resume=resumed_at is not None)
        self.recorder = Backlog(recorder, watch.say, self._make_folder)
        kind = names.EVENT_START if resumed_at is None else names.EVENT_RESUME
        self.recorder.event(kind, f"{plan.steps} steps on {plan.device}, {plan.precision}", resumed_at or 0)
        config = plan.recipe.model_dump(mode="json")
        self._trackers = Trackers(plan.recipe.train.trackers, folder, config, lambda told: self.warn(None, told))
        self._apart = False
        # of the runs of a recipe only: elsewhere nobody asked for a link
        runs = plan.recipe.output.folder.absolute()
        self._unlinked = resumed_at is None and folder.absolute().parent == runs

    def step(
        self,
        progress: Progress,
        done: Step,
        rate: float,
        epoch: float,
        seconds: float,
        measured: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:
        """Log an optimizer step: every ``log_every``-th, the last, and each that was left out.

        ``measured`` gives what else is known of it, by the doctor's names; it is asked only where the step is logged.
        """
        self._link()
        self._left_out(progress, done)
        self._check_parts(progress.step, done)
        out = done.spike or not done.finite
        if progress.step % self._plan.recipe.train.log_every and progress.step < self._plan.steps and not out:
            return
        speed = done.tokens / seconds
        own = {
            names.GRAD_NORM: done.grad_norm,
            names.LEARNING_RATE: rate,
            names.TOKENS_PER_SECOND: speed,
            names.EPOCH: epoch,
            names.TOKENS: progress.tokens,
            names.LENGTH: done.seen / max(1, done.texts),
            names.COVERAGE: done.coverage,
            names.SKIPPED_STEPS: progress.skipped,
            names.SKIPPED_SPIKES: progress.spikes,
        }
        if done.update_ratio is not None:
            own[names.UPDATE_RATIO] = done.update_ratio
        parts = _parts(done.ledger, names.RAW, names.WEIGHT, names.WEIGHTED)
        more = measured() if measured else {}
        self._log(progress.step, {names.LOSS: done.ledger.loss, **parts, **own, **more})
        self._watch.step(progress.step, done.ledger, speed)

    def evaluation(self, step: int, scores: Scores) -> None:
        """Log an evaluation of the weights after ``step`` optimizer steps."""
        own = scores.likelihood
        self._log(
            step,
            {
                names.EVAL_LM_LOSS: own.lm_loss,
                names.EVAL_PERPLEXITY: own.perplexity,
                names.EVAL_BITS_PER_BYTE: own.bits_per_byte,
                names.EVAL_KL: scores.kl,
                names.EVAL_AGREEMENT: scores.agreement,
                names.EVAL_MAPPED: scores.mapped,
                names.EVAL_LOSS: scores.ledger.loss,
                **_parts(scores.ledger, names.EVAL_RAW, None, names.EVAL_WEIGHTED),
            },
        )
        self._watch.evaluation(step, scores)

    def teacher(self, step: int, scores: Likelihood) -> None:
        """Log the teacher's own scores on the held-out text."""
        self._log(
            step,
            {
                names.TEACHER_EVAL_LM_LOSS: scores.lm_loss,
                names.TEACHER_EVAL_PERPLEXITY: scores.perplexity,
                names.TEACHER_EVAL_BITS_PER_BYTE: scores.bits_per_byte,
            },
        )

    def saved(self, step: int, path: Path) -> None:
        """Log a checkpoint, and that the run is alive."""
        self._link()
        self.recorder.event(names.EVENT_CHECKPOINT, path.name, step)
        self.recorder.heartbeat()

    def unsaved(self, step: int, newest: int | None, error: OSError) -> None:
        """Log a checkpoint that the disk did not take; ``newest`` is the step of the one before."""
        there = "there is none yet" if newest is None else f"the newest is that of step {newest}"
        told = f"the checkpoint could not be written ({disk.told(error)}); {there}"
        self.warn(step, f"{told}. The run goes on, and writes one when it is next due")

    def warn(self, step: int | None, told: str, kind: str = names.EVENT_WARNING) -> None:
        """Put on record, and say, what a person should know of."""
        self.recorder.event(kind, told, step)
        self._watch.say(told if step is None else f"step {step}: {told}")

    def flagged(self, step: int, news: Iterable[Finding]) -> None:
        """Log and say each red flag that is new."""
        for finding in news:
            self.warn(step, f"{finding.rule} {finding.name}: {finding.headline}", names.EVENT_RED_FLAG)

    def rolled_back(self, step: int, to: int, why: str) -> None:
        """Forget the steps after ``to``, which the run has gone back to from ``step``, and log why."""
        forget_after(self._folder, to)
        self.recorder.forgot(to)
        self.recorder.event(names.EVENT_ROLLBACK, f"back from step {step}, whose batches are passed over: {why}", to)
        self.recorder.heartbeat()
        self._watch.say(f"step {step}: back to the checkpoint of step {to}; the batches since are passed over. {why}")

    def ended(self, step: int, ending: Ending) -> None:
        """Log the end: all steps done, or what ended the run early."""
        kind, message = ending.event
        self.recorder.event(kind, message, step)
        self._trackers.close()
        if ending.early:
            self.recorder.close("interrupted")

    def _link(self) -> None:
        """Let ``latest`` point to a new run, once: after its first step, or checkpoint."""
        if self._unlinked:
            self._unlinked = False
            point(self._folder, self._watch.say)

    def _make_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._recipe is not None:
            (self._folder / RECIPE).write_bytes(self._recipe)

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        self.recorder.log(step, values)
        self._trackers.log(step, values)

    def _left_out(self, progress: Progress, done: Step) -> None:
        if not done.finite:
            kind, told = names.EVENT_NON_FINITE, blame(done)
        elif done.spike:
            kind, told = names.EVENT_SPIKE, f"the loss is {done.ledger.loss:.4g}, far above that of the last steps"
        else:
            return
        self.recorder.event(kind, told, progress.step)
        self._watch.say(f"step {progress.step}: {told}; the step was left out")

    def _check_parts(self, step: int, done: Step) -> None:
        """Warn, once, where the loss that was trained is not the sum of the parts that are logged."""
        loss = done.ledger.loss
        if self._apart or done.trained is None or not done.finite:
            return
        if abs(done.trained - loss) > APART * max(abs(v) for v in (loss, *done.ledger.weighted.values())):
            self._apart = True
            self.warn(step, f"the loss that is trained is {done.trained:.6g}, its parts sum to {loss:.6g}")


class NoRecord:
    """What the other processes of a run write: nothing."""

    recorder: AbstractContextManager[None] = nullcontext()

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Stand for every method of :class:`Record`, and do nothing."""
        return _nothing


def _nothing(*_: object) -> None:
    pass


def blame(done: Step) -> str:
    """Say what was not finite in a step."""
    bad = [f"{name} is {value}" for name, value in done.ledger.raw.items() if not math.isfinite(value)]
    told = bad or ["every term is finite, but the gradient is not"]
    return "; ".join([*told, *(["the teacher's logits are NaN or infinite on these texts"] * done.teacher_fails)])


def facts(plan: Plan) -> dict[str, object]:
    """The facts in ``run.json`` before a run's first step."""
    recipe, readers = plan.recipe, plan.pair.readers
    others = readers.teacher.size != readers.student.size
    return {
        names.TOTAL_STEPS: plan.steps,
        names.VOCABULARY_SIZE: readers.student.size,
        **({names.TEACHER_VOCABULARY_SIZE: readers.teacher.size} if others else {}),
        names.CONFIG: recipe.model_dump(mode="json"),
        names.MODELS: {"teacher": recipe.teacher.model, "student": recipe.student.model},
        names.ALIGNMENT: plan.facts(),
        names.VERSIONS: {"sad": __version__, "python": platform.python_version(), **_versions()},
        "device": plan.device,
        "precision": plan.precision,
    }


def forget_after(folder: Path, step: int) -> None:
    """Drop what the record says of steps after a checkpoint: they will be taken again. By atomic rename."""
    for name in (METRICS, EVENTS):
        path = folder / name
        if not path.exists():
            continue
        with path.open(encoding="utf-8", errors="replace") as lines:
            kept = [line for line in lines if line.endswith("\n") and _is_kept(line, step)]
        replace_text(path, "".join(kept))


def _is_kept(line: str, newest: int) -> bool:
    try:
        told = json.loads(line)
        step = told.get("step")
    except (ValueError, AttributeError):
        return False
    if told.get("kind") == names.EVENT_END:
        # it was killed between its last event and its last status: it will end again
        return False
    return step is None or (isinstance(step, int | float) and step <= newest)


def _parts(ledger: Ledger, raw: str, weight: str | None, weighted: str) -> dict[str, float]:
    parts = {raw + name: value for name, value in ledger.raw.items()}
    if weight is not None:
        parts |= {weight + name: value for name, value in ledger.weight.items()}
    return parts | {weighted + name: value for name, value in ledger.weighted.items()}


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in ("torch", "transformers", "accelerate", "tokenizers", "safetensors"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
