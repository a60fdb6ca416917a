"""The loop that trains as a trainer: `sad.train.loop` on the tiny pair, with the record that it writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from unittest.mock import patch

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from sad import data, tiny
from sad.batch import ALM, ATTENTION, KD, LAYERWISE, LM, Batch
from sad.distiller import Distiller
from sad.errors import Stopped
from sad.evaluate import evaluate, likelihood
from sad.pair import Pair
from sad.shipped.preparation import streamed
from sad.shipped.resumable import Asked
from sad.shipped.seen import seeing
from sad.subjects.processes import on_processes
from sad.subjects.schedules import Schedule
from sad.subjects.trainer import NEVER, Claims, Line, Setup, Trace, Watch, held, joined, weights
from sad.terms import TeacherOutput
from sad.train import held_out, loop
from sad.train.batches.feed import Feed
from sad.train.loop import Stepper
from sad.train.loss_scale import Begun, Kept, LossScale
from sad.train.plan import Plan
from sad.train.processes import devices
from sad.train.saving.random_states import rank
from sad.train.step import Learner, Step, take_step
from sad_doctor import names

CHARACTERS = 3
"""Of a text for each label that it should have: a token of the tiny tokenizers is about as long."""

SELDOM = 200
"""Steps, of which the first is one: what costs more is measured after it."""

Item = TypeVar("Item")

MEASURED, APART = 5, 10
"""The first steps say how far they moved the weights, and then logged ones that are at least so many apart."""

STRIDE = 11
"""Characters between the beginnings of two texts."""


class ShippedTrainer:
    """Runs the loop in this process, or in several that are joined by gloo."""

    claims = Claims(
        processes=(1, 2),
        schedules=(Schedule.COSINE,),
        terms=(KD, LM, ALM, LAYERWISE, ATTENTION),
        reshuffles=True,
        noise=1e-5,
        sizes=lambda step, every: step <= MEASURED or step % next(n for n in count(every, every) if n >= APART) == 0,
    )

    def run(self, setup: Setup) -> Trace:
        """Train."""
        if setup.processes == 1:
            return run_here(setup)
        return joined(on_processes(run_as_one_of_several, setup, setup.processes))


def shipped_trainer() -> ShippedTrainer:
    """The loop that trains."""
    return ShippedTrainer()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a run, in ``folder``: up to the step ``stop``, or from there, where it was stopped, to the end."""

    folder: Path
    stop: int
    goes_on: bool = False


def run_as_one_of_several(
    setup: Setup, read: Callable[[Path], Mapping[str, Tensor]] | None = None, part: Part | None = None
) -> Trace:
    """Train as one of several processes that are joined; ``read`` and ``part`` as in :func:`run_here`.

    Raises AssertionError where they do not take as many batches.
    """
    # what the process that this one was forked from knew of itself
    AcceleratorState._reset_state(reset_partial_state=True)
    deal, passes, takes = devices.dealt, list[int](), list[list[bool]]()
    take = Feed.take

    def counted(groups: Sequence[list[Item]], accelerator: Accelerator) -> list[list[Item]]:
        dealt = deal(groups, accelerator)
        passes.append(len(dealt))
        return dealt

    def taken(feed: Feed, step: int, cuts: int) -> list[Batch]:
        batches = take(feed, step, cuts)
        takes.append([len(batch.targets) > 0 for batch in batches])
        return batches

    with patch.object(devices, "dealt", counted), patch.object(Feed, "take", taken):
        trace = run_here(setup, read, part)
    every: list[list[int]] = [[] for _ in range(setup.processes)]
    torch.distributed.all_gather_object(every, passes)
    # those that hold pieces of one model wait for one another in each
    assert every == [passes] * setup.processes, f"the processes take {every} batches to score"
    each: list[list[list[bool]]] = [[] for _ in range(setup.processes)]
    torch.distributed.all_gather_object(each, takes)
    for step, same in enumerate(zip(*each, strict=True), 1):
        assert len({len(one) for one in same}) == 1, f"the processes take {[*map(len, same)]} batches in step {step}"
        assert all(map(any, zip(*same, strict=True))), f"in step {step} there is a batch in which nobody has a text"
    return trace


def run_here(
    setup: Setup, read: Callable[[Path], Mapping[str, Tensor]] | None = None, part: Part | None = None
) -> Trace:
    """Train in this process. ``read`` returns what it finds in the folder of the run; without it no student is left.

    Of a ``part`` that goes on the trace has what comes after the stop.
    """
    watch = Watch()
    plan, texts = _plan(setup), _texts(setup)
    # nobody reads the student that the run ends with
    unread = patch.object(loop, "export") if read is None else nullcontext()
    # a scale of the loss is a power of two, so that in float32 it changes no bit: what is accumulated has one, and what
    # that is compared with has none
    scaled = patch.object(LossScale, "of", _scaled) if setup.accumulation > 1 else nullcontext()
    stream = streamed(texts, plan.pair.readers, plan.recipe.data.max_length)
    with (
        TemporaryDirectory() as made,
        watch,
        seeing(plan.train, watch.read),
        _short(setup, watch),
        unread,
        scaled,
        stream as streaming,
    ):
        folder = Path(made) if part is None else part.folder
        begun = part.stop if part is not None and part.goes_on else 0
        asked = None if part is None or part.goes_on else Asked(part.stop)
        # both ways to the text are asked: an odd number comes as a stream. What a run is compared with has as many
        planned = replace(plan, train=streaming) if len(texts) % 2 else plan
        hook = None if asked is None else register_optimizer_step_post_hook(asked.step)
        try:
            found = loop.train(planned, folder, tiny.Silent(), resume=begun > 0, signals=asked)
        finally:
            if hook is not None:
                hook.remove()
        if found.ending.signal is not None and asked is None:
            # the run ended as it should; whoever asked for that wants no verdict on the steps that are missing
            raise Stopped("stopped before the check was done", found.ending.signal)
        log, scores = _record(folder / "metrics.jsonl", setup, begun)
        saved = read(folder) if read else {}
    ends = [] if watch.optimizer is None else [weights(watch.optimizer)]
    here = [] if watch.optimizer is None else [held(watch.optimizer)]
    return Trace(watch.taken, log, scores, ends, here, saved)


def _scaled(_precision: str, kept: Kept | None = None) -> LossScale:
    return LossScale(kept or Begun())


@contextmanager
def _short(setup: Setup, watch: Watch) -> Iterator[None]:
    """While it is open, memory is too short for micro-batches that are not cut: of several processes that of the last
    one, in the middle of a step, and that of each where held-out text is scored.
    """
    if setup.cuts == 1:
        yield
        return
    take, ask, undo = take_step, Distiller.ask_teacher, Stepper._undo
    asks = count(1)

    def room(batch: Batch) -> Batch:
        if len(batch.student.input_ids) > max(1, setup.micro_batch // setup.cuts):
            raise torch.OutOfMemoryError("there is no more")
        return batch

    def taken(learner: Learner, batches: Sequence[Batch], *of: Any, **how: Any) -> Step:  # noqa: ANN401
        nonlocal asks
        # one in the middle of the step; what is measured beside steps has room
        asks = count(-((setup.accumulation - 1) // 2))
        try:
            return take(learner, batches, *of, **how)
        finally:
            asks = count(1)

    def asked(distiller: Distiller, batch: Batch) -> TeacherOutput:
        short = next(asks) == 0 and rank() == setup.processes - 1
        return ask(distiller, room(batch) if short else batch)

    def undone(stepper: Stepper) -> None:
        undo(stepper)
        watch.forget()

    def scored(shipped: Callable[..., Item]) -> Callable[..., Item]:
        return lambda distiller, batches, *of: shipped(distiller, map(room, batches), *of)

    with (
        patch.object(loop, "take_step", taken),
        patch.object(Distiller, "ask_teacher", asked),
        patch.object(Stepper, "_undo", undone),
        patch.multiple(held_out, evaluate=scored(evaluate), likelihood=scored(likelihood)),
    ):
        yield


def _plan(setup: Setup) -> Plan:
    own = {} if setup.schedule is None else {"final_learning_rate": 0.0, "warmup": setup.warmup / setup.steps}
    changes: dict[str, Any] = {
        "train": {
            "batch_size": setup.micro_batch,
            "accumulation": setup.accumulation,
            "learning_rate": setup.learning_rate,
            "projector_learning_rate": setup.learning_rate,
            "warmup": 0.0,
            "seed": setup.seed,
            "clip": setup.clip,
            "log_every": setup.log_every,
            # what is measured seldom changes no step either: a run that logs nothing has none of it
            "grad_shares_every": 0 if setup.log_every == NEVER else SELDOM,
            "eval_every": setup.eval_every,
            "save_every": setup.steps,
            "epochs": setup.epochs,
            "max_steps": setup.steps,
            # a look at the record takes longer than a step
            "on_red_flag": "ignore",
            **own,
        },
        "data": {"eval_windows": setup.held_out, "max_length": 256},
        "terms": {name: {"weight": weight} for name, weight in setup.weights},
    }
    if setup.ramp:
        changes["shares"] = {KD: 50.0, LM: 30.0, LAYERWISE: 20.0}
    made = tiny.plan(changes, of=_pair())
    read = data.examples(_texts(setup), made.pair.readers, made.recipe.data.max_length)
    assert len(read) == len(setup.lengths), "a text is one window"
    return replace(made, train=read, steps=setup.steps)


@cache
def _first_pair() -> Pair:
    """Return the tiny pair with a block each: a run takes many steps."""
    made = tiny.pair()
    student = tiny.model(made.readers.student.size, layers=1, width=16, seed=2)
    teacher = tiny.model(made.readers.teacher.size, layers=1, width=32, seed=1, sharpness=8.0)
    return Pair(student, teacher.eval().requires_grad_(False), made.readers, made.vocab)


def _pair() -> Pair:
    """Return the tiny pair as it was made: a run trains its student."""
    made = _first_pair()
    return Pair(tiny.copied(made.student), tiny.copied(made.teacher), made.readers, made.vocab)


def _texts(setup: Setup) -> list[str]:
    starts = [STRIDE * i % (len(tiny.TEXT) // 2) for i in range(len(setup.lengths))]
    return [tiny.TEXT[start : start + CHARACTERS * length] for start, length in zip(starts, setup.lengths, strict=True)]


def _record(path: Path, setup: Setup, begun: int) -> tuple[list[Line], list[float]]:
    """Read the log and the scores behind the step ``begun``; only the first process has written any."""
    if not path.exists():
        return [], []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    scores = [line[names.EVAL_LM_LOSS] for line in lines if names.EVAL_LM_LOSS in line and line["step"] > begun]
    return list(_logged([line for line in lines if line["step"] > begun])), scores[: setup.steps // setup.eval_every]


def _logged(lines: list[dict[str, Any]]) -> Iterator[Line]:
    for line in lines:
        if names.LOSS in line:
            raw, weight, weighted = (
                {key.removeprefix(kind): value for key, value in line.items() if key.startswith(kind)}
                for kind in (names.RAW, names.WEIGHT, names.WEIGHTED)
            )
            norm, epoch, update = (line.get(name) for name in (names.GRAD_NORM, names.EPOCH, names.UPDATE_RATIO))
            counts = {name: line[name] for name in (names.TOKENS, names.LENGTH, names.COVERAGE)}
            yield Line(line["step"], line[names.LOSS], raw, weight, weighted, norm, epoch, update, counts)
