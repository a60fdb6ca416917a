"""Puts a run on record, in the vocabulary of the doctor. One process writes; the others keep silent."""

from __future__ import annotations

import json
import math
import platform
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sad.evaluate import Likelihood, Scores
from sad.objective import Ledger
from sad.train.checkpoint import Progress
from sad.train.plan import Plan
from sad.train.progress import Watcher
from sad.train.step import Step
from sad.version import __version__
from sad_doctor import names
from sad_doctor.record import EVENTS, METRICS, Recorder, replace_text


class Record:
    """The record of one run, and the words for whoever watches it.

    ``resumed_at`` is the step of the checkpoint that it goes on from.
    """

    def __init__(self, folder: Path, plan: Plan, watch: Watcher, resumed_at: int | None = None) -> None:
        if resumed_at is not None:
            forget_after(folder, resumed_at)
        self._plan, self._watch = plan, watch
        self.recorder = Recorder(folder, facts(plan))
        kind = names.EVENT_START if resumed_at is None else names.EVENT_RESUME
        self.recorder.event(kind, f"{plan.steps} steps on {plan.device}, {plan.precision}", resumed_at or 0)

    def step(self, progress: Progress, done: Step, rate: float, epoch: float, seconds: float) -> None:
        """Log an optimizer step: every ``log_every``-th, the last, and each that was left out."""
        if not done.finite:
            told = blame(done)
            self.recorder.event(names.EVENT_NON_FINITE, told, progress.step)
            self._watch.say(f"step {progress.step}: {told}; the step was left out")
        if progress.step % self._plan.recipe.train.log_every and progress.step < self._plan.steps and done.finite:
            return
        speed = done.tokens / seconds
        measured = {
            names.GRAD_NORM: done.grad_norm,
            names.LEARNING_RATE: rate,
            names.TOKENS_PER_SECOND: speed,
            names.EPOCH: epoch,
            names.COVERAGE: done.coverage,
            names.SKIPPED_STEPS: progress.skipped,
        }
        if done.update_ratio is not None:
            measured[names.UPDATE_RATIO] = done.update_ratio
        parts = _parts(done.ledger, names.RAW, names.WEIGHT, names.WEIGHTED)
        self.recorder.log(progress.step, {names.LOSS: done.ledger.loss, **parts, **measured})
        self._watch.step(progress.step, done.ledger, speed)

    def evaluation(self, step: int, scores: Scores) -> None:
        """Log an evaluation of the weights after ``step`` optimizer steps."""
        own = scores.likelihood
        self.recorder.log(
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
        self.recorder.log(
            step,
            {
                names.TEACHER_EVAL_LM_LOSS: scores.lm_loss,
                names.TEACHER_EVAL_PERPLEXITY: scores.perplexity,
                names.TEACHER_EVAL_BITS_PER_BYTE: scores.bits_per_byte,
            },
        )

    def saved(self, step: int, path: Path) -> None:
        """Log a checkpoint, and a sign of life."""
        self.recorder.event(names.EVENT_CHECKPOINT, path.name, step)
        self.recorder.heartbeat()

    def ended(self, step: int, signal: int | None) -> None:
        """Log the end: all steps done, or the signal that ended the run early."""
        if signal is None:
            self.recorder.event(names.EVENT_END, "", step)
        else:
            self.recorder.event(names.EVENT_INTERRUPT, f"signal {signal}", step)
            self.recorder.close("interrupted")


class NoRecord:
    """What the other processes of a run write: nothing."""

    recorder: AbstractContextManager[None] = nullcontext()

    def step(self, *_: object) -> None:
        """Leave it to the first process."""

    def evaluation(self, *_: object) -> None:
        """Leave it to the first process."""

    def teacher(self, *_: object) -> None:
        """Leave it to the first process."""

    def saved(self, *_: object) -> None:
        """Leave it to the first process."""

    def ended(self, *_: object) -> None:
        """Leave it to the first process."""


def blame(done: Step) -> str:
    """Say what was not finite in a step."""
    bad = [f"{name} is {value}" for name, value in done.ledger.raw.items() if not math.isfinite(value)]
    return "; ".join(bad) if bad else "every term is finite, but the gradient is not"


def facts(plan: Plan) -> dict[str, object]:
    """What ``run.json`` says of a run before its first step."""
    recipe = plan.recipe
    return {
        names.TOTAL_STEPS: plan.steps,
        names.VOCABULARY_SIZE: plan.pair.readers.student.size,
        names.CONFIG: recipe.model_dump(mode="json"),
        names.MODELS: {"teacher": recipe.teacher.model, "student": recipe.student.model},
        names.ALIGNMENT: plan.facts(),
        names.VERSIONS: {"sad": __version__, "python": platform.python_version(), **_versions()},
        "device": plan.device,
        "precision": plan.precision,
    }


def forget_after(folder: Path, step: int) -> None:
    """Drop what the record says of steps after a checkpoint: they will be taken again. By atomic rename."""
    for name, newest in ((METRICS, step), (EVENTS, step)):
        path = folder / name
        if not path.exists():
            continue
        with path.open(encoding="utf-8", errors="replace") as lines:
            kept = [line for line in lines if line.endswith("\n") and _is_kept(line, newest)]
        replace_text(path, "".join(kept))


def _is_kept(line: str, newest: int) -> bool:
    try:
        step = json.loads(line).get("step")
    except (ValueError, AttributeError):
        return False
    return step is None or (isinstance(step, int | float) and step <= newest)


def _parts(ledger: Ledger, raw: str, weight: str | None, weighted: str) -> dict[str, float]:
    parts = {raw + name: value for name, value in ledger.raw.items()}
    if weight is not None:
        parts |= {weight + name: value for name, value in ledger.weight.items()}
    return parts | {weighted + name: value for name, value in ledger.weighted.items()}


def _versions() -> dict[str, str]:
    found = {}
    for name in ("torch", "transformers", "accelerate", "tokenizers", "safetensors"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
