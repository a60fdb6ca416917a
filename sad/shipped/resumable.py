"""The training loop with its checkpoints, as a run that can be taken up again."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from sad import tiny
from sad.data import Example
from sad.distiller import Distiller
from sad.recipe.schema import Recipe
from sad.shipped.seen import seeing
from sad.subjects.plain.run import moments
from sad.subjects.processes import on_processes
from sad.subjects.resumable import ANEW, FINISHED, STOPPED, TAKEN_UP, Drawn, Ran, Resumable, Saved, Setting, Taken
from sad.train import loop
from sad.train.plan import Plan
from sad.train.processes.elastic import fitted
from sad.train.saving import checkpoint, random_states
from sad.train.watch.interrupt import Unheard
from sad.train.watch.red_flags import RedFlags, Verdict
from sad_doctor import names
from sad_doctor.record import EVENTS, METRICS

SHARES = {"kd": 50.0, "lm": 30.0, "layerwise": 20.0}
"""Wanted shares of the loss: with them the weights of the terms move, and are part of what must come back."""
NEVER = 10**6
BEGINNINGS = {names.EVENT_START: ANEW, names.EVENT_RESUME: TAKEN_UP}
ENDS = {names.EVENT_END: FINISHED, names.EVENT_INTERRUPT: STOPPED}
BEGINS, TAKES_UP = 2, 5
"""Seeds of the student's own weights: in a resumed run they must be replaced by those of the checkpoint."""


@dataclass(slots=True)
class _Seen:
    """The objects that train, as they were last seen at work; the samples that were trained on, and how many of them
    each step had taken by its end.
    """

    optimizer: Optimizer | None = None
    distiller: Distiller | None = None
    samples: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


class Asked(Unheard):
    """Tells of a signal while step ``at`` is taken."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self._taken = at, 0

    def step(self, *_: object) -> None:
        """An optimizer step is taken."""
        self._taken += 1
        self.signal = signal.SIGTERM if self._taken == self.at else self.signal


class _Gpu:
    """A GPU's random generator, as torch speaks of it: every optimizer step draws from it."""

    def __init__(self) -> None:
        self.state = torch.zeros(4, dtype=torch.uint8)

    def is_available(self) -> bool:
        """It is there."""
        return True

    def get_rng_state(self) -> Tensor:
        """Return a copy of its state."""
        return self.state.clone()

    def set_rng_state(self, state: Tensor) -> None:
        """Put a state back."""
        self.state = state.clone()

    def draw(self, *_: object) -> None:
        """Go on."""
        self.state = self.state * 5 + 1


class _TorchWithGpu:
    """torch, with a GPU of which only the random generator is there."""

    def __init__(self, gpu: _Gpu) -> None:
        self.cuda = gpu

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all that torch has
        return getattr(torch, name)


class LoopRun:
    """The training loop. What is saved are the files of its folder: the record and the checkpoints."""

    knows_its_data = True

    def __init__(self) -> None:
        self.pair = tiny.pair(320, 320)
        self.per_step = 0
        """Of the run that was begun last."""

    def run(self, setting: Setting, saved: Saved | None, save_at: Collection[int]) -> Ran:
        """Run the loop to its end; with ``saved``, on the files as they were."""
        return self._run(setting, saved, save_at, Asked(NEVER))

    def stopped(self, setting: Setting, at: int) -> Ran:
        """Run the loop, with a signal in its step ``at``."""
        return self._run(setting, None, (at,), Asked(at))

    def went_back(self, setting: Setting, at: int, to: int) -> Ran:
        """Run the loop; after its step ``at`` a red flag sends it back to the checkpoint of step ``to``, once."""

        def look(_flags: RedFlags, progress: checkpoint.Progress, *, last: bool = False) -> Verdict:
            return Verdict(back=to if progress.step == at and not progress.rollbacks and not last else None)

        with patch.object(RedFlags, "look", look):
            return self._run(setting, None, (to,), Asked(NEVER), range(to, at))

    def drawn(self) -> Sequence[Drawn]:
        """Save and put back the generators of two processes."""
        return on_processes(_draw, 3, 2)

    def _run(
        self,
        setting: Setting,
        saved: Saved | None,
        save_at: Collection[int],
        asked: Asked,
        undone: range = range(0),
    ) -> Ran:
        """Run the loop; steps that are ``undone`` are taken, and are none of those that count."""
        # the run that is asked to end saves because of that, and not because it is time
        every = NEVER if asked.at != NEVER else math.gcd(*save_at) or setting.steps
        plan = self._plan(setting, every, BEGINS if saved is None else TAKES_UP)
        with self._small(), TemporaryDirectory() as made, _watching(plan.train, asked) as seen, _gpu() as gpu:
            folder = Path(made)
            for name, content in ({} if saved is None else saved).items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            start = 0 if saved is None else checkpoint.steps_done(folder)
            self.per_step = setting.per_step if saved is None else self.per_step
            if saved is not None and setting.per_step == self.per_step:
                plan = replace(plan, recipe=_of_two_processes(plan.recipe, folder))
            loop.train(self._read(plan, setting), folder, tiny.Silent(), resume=saved is not None, signals=asked)
            record = _lines(folder / METRICS)
            kinds = [event["kind"] for event in _lines(folder / EVENTS)]
            began = next((BEGINNINGS[kind] for kind in reversed(kinds) if kind in BEGINNINGS), "")
            told = ENDS.get(kinds[-1], "")
            kept = {step: _files(folder, step) for step in save_at if _is_saved(folder, step)}
        steps = [line for line in record if "train/loss" in line and line["step"] > start]
        ends = list(zip([0, *seen.ends], seen.ends, strict=False))
        del ends[undone.start : undone.stop]
        taken = [
            Taken(tuple(seen.samples[first:last]), line["train/lr"], line["train/loss"])
            for line, (first, last) in zip(steps, ends, strict=False)
        ]
        return _ran(taken, kept, seen, {"random/gpu": gpu.state}, (told, began))

    def _small(self) -> AbstractContextManager[object]:
        """What is made smaller than in a run of a person's while the loop runs: here nothing."""
        return nullcontext()

    def _read(self, plan: Plan, setting: Setting) -> Plan:  # noqa: ARG002 - for who reads its texts in another way
        """The plan with its examples as the loop gets them: here a list."""
        return plan

    def _plan(self, setting: Setting, save_every: int, seed: int) -> Plan:
        """A plan of the setting on the tiny text; the student has dropout, and weights that are made from ``seed``."""
        train = {
            "batch_size": setting.batch_size,
            "accumulation": setting.accumulation,
            "seed": setting.seed,
            "max_steps": setting.steps,
            "eval_every": setting.steps,
            # only the places that are asked for: each save waits for the disk
            # a run of so few steps saves after each by itself
            "save_every": None if save_every == 1 else save_every,
            "keep_checkpoints": setting.steps,
            "log_every": 1,
        }
        student = tiny.model(self.pair.readers.student.size, layers=1, width=16, seed=seed, attention_dropout=0.3)
        pair = replace(self.pair, student=student, teacher=tiny.copied(self.pair.teacher))
        data = {"max_length": 16, "eval_windows": 1}
        plan = tiny.plan({"train": train, "data": data, "shares": SHARES}, of=pair)
        if len(plan.train) < setting.size:
            raise ValueError(f"the tiny text has {len(plan.train)} examples, not {setting.size}")
        examples = list(plan.train[: setting.size])
        if setting.other:
            examples[-1] = replace(examples[-1], student=examples[-1].student[::-1].copy())
        return replace(plan, train=examples)


def _of_two_processes(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe of a run that is taken up by one process, and is written as for two that share its steps: in
    micro-batches of one more than can share them, so that those of the run remain the largest.
    """
    train = recipe.train
    half = train.model_copy(update={"accumulation": train.accumulation // 2, "batch_size": train.batch_size + 1})
    return fitted(recipe.model_copy(update={"train": half}), checkpoint.per_step(folder), 1)


@contextmanager
def _gpu() -> Iterator[_Gpu]:
    """While it is open, checkpoints find a GPU. The student does not: what it draws comes from the processor's."""
    gpu = _Gpu()
    hook = register_optimizer_step_post_hook(gpu.draw)
    try:
        with patch.object(random_states, "torch", _TorchWithGpu(gpu)):
            yield gpu
    finally:
        hook.remove()


def _draw(seed: int) -> Drawn:
    """What this process draws, of several."""
    torch.manual_seed(seed)
    random_states.seed(seed)
    every = [random_states.gathered(keep) for keep in (True, False)]
    assert not every[1], "what is not kept"
    after = torch.rand(4)
    random_states.restore(dict(every[0]))
    again = torch.rand(4)
    random_states.restore({random_states.CPU: every[0][random_states.CPU]})
    return Drawn(after, again, torch.rand(4))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _is_saved(run: Path, step: int) -> bool:
    return (run / checkpoint.FOLDER / f"{checkpoint.STEP}{step:08d}" / checkpoint.STATE).is_file()


def shipped_resumable() -> Resumable:
    """Return the code that trains."""
    return LoopRun()


@contextmanager
def _watching(examples: Sequence[Example], asked: Asked) -> Iterator[_Seen]:
    seen = _Seen()

    def stepped(optimizer: Optimizer, *_: object) -> None:
        seen.optimizer = optimizer
        seen.ends.append(len(seen.samples))
        asked.step()

    def ran(distiller: Distiller) -> None:
        seen.distiller = distiller

    hook = register_optimizer_step_post_hook(stepped)
    try:
        with seeing(examples, seen.samples.append, ran):
            yield seen
    finally:
        hook.remove()


def _ran(
    taken: list[Taken], kept: dict[int, Saved], seen: _Seen, more: dict[str, Tensor], told: tuple[str, str]
) -> Ran:
    assert seen.distiller is not None, "the distiller was never run"
    assert seen.optimizer is not None, "no optimizer step was taken"
    weights = {name: tensor.detach().clone() for name, tensor in seen.distiller.state_dict().items()}
    live = {name: p for name, p in seen.distiller.named_parameters() if p.requires_grad}
    owned: list[Tensor] = [p for group in seen.optimizer.param_groups for p in group["params"]]
    return Ran(taken, kept, weights, moments(seen.optimizer) | more, live, owned, *told)


def _files(folder: Path, step: int) -> dict[str, bytes]:
    """The files of a run that was killed after it had saved ``step``: later checkpoints are not there yet."""
    every = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in every}
    checkpoints = f"{checkpoint.FOLDER}/{checkpoint.STEP}"
    return {
        name: path.read_bytes()
        for name, path in names.items()
        if not name.startswith(checkpoints) or int(name.removeprefix(checkpoints).split("/")[0]) <= step
    }
