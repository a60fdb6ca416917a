"""Checkpoints: all that decides the next step, in safetensors and JSON, never in a format that can run code."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file, save_model
from torch import nn

from sad.distiller import Distiller
from sad.errors import UserError
from sad.objective import Objective
from sad.train.optimizer import check_moment
from sad.train.processes import engine, sharded
from sad.train.saving import disk, random_states, unfit
from sad.train.saving.folder import RECIPE
from sad_doctor import bounded
from sad_doctor.record import replace_text

FOLDER, STEP = "checkpoints", "step-"
MODEL, OPTIMIZER, STATE = "distiller.safetensors", "optimizer.safetensors", "state.json"
LARGEST = torch.finfo(torch.float32).max
"""Largest weight of a term: the gradient is multiplied by it in float32."""


@dataclass(slots=True)
class Progress:
    """How far the run is: ``step`` optimizer steps are done, ``skipped`` of them changed no weight, the last
    ``in_vain`` in a row. ``data`` is the fingerprint of the examples that it trains on, ``per_step`` of them in a step,
    taken in this ``manner``.

    The guards' memory is here too, so that a resumed run does what an uninterrupted one would have done: ``spikes``
    steps left out for their loss, and the log-losses of the ``recent`` ones, ``above`` of them spikes in a row;
    ``cuts`` of a micro-batch after it was out of memory; ``rollbacks``, which ``passed`` over so many steps' examples;
    red flags that were ``told``. ``tokens`` of the student, without padding, were read by all of its steps. The scale
    is that of :mod:`sad.train.loss_scale`.
    """

    step: int = 0
    skipped: int = 0
    in_vain: int = 0
    data: str = ""
    spikes: int = 0
    above: int = 0
    recent: list[float] = field(default_factory=list)
    cuts: int = 1
    rollbacks: int = 0
    passed: int = 0
    told: list[str] = field(default_factory=list)
    per_step: int = 0
    manner: str = ""
    tokens: int = 0
    scale_exponent: int = 16
    scale_steady: int = 0

    def took(self, finite: bool, tokens: int) -> None:
        """Count a step with its tokens, and whether its loss and gradient were finite."""
        self.step += 1
        self.tokens += tokens
        self.skipped += not finite
        self.in_vain = 0 if finite else self.in_vain + 1

    def become(self, other: Progress, **but: Any) -> None:  # noqa: ANN401 - values of the fields
        """Take over all of another's fields, except for those given: every holder of this object sees the change."""
        for one in fields(self):
            setattr(self, one.name, but.get(one.name, getattr(other, one.name)))

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> Progress:
        """Return what a checkpoint's state tells. Raises LookupError, TypeError or ValueError where it is none."""
        # what guards count may be absent: it then begins at nothing
        made = {name: kind(state[name]) for name, kind in _KINDS.items() if name in _NEEDED or name in state}
        if min(value for value in made.values() if isinstance(value, int)) < 0 or made.get("cuts") == 0:
            raise ValueError("a count in its state is below what can be counted")
        return cls(**made)


_KINDS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("step", "skipped", "in_vain", "spikes", "above", "cuts", "rollbacks", "passed", "per_step"), int),
    **dict.fromkeys(("tokens", "scale_exponent", "scale_steady"), int),
    **dict.fromkeys(("data", "manner"), str),
    "recent": lambda values: [float(v) for v in values],
    "told": lambda values: [str(v) for v in values],
}
_NEEDED = ("step", "skipped", "in_vain", "data")


def save(
    run: Path,
    progress: Progress,
    distiller: Distiller,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    keep: int,
    *,
    writes: bool = True,
) -> Path:
    """Write a checkpoint under a temporary name, then rename it: it is there whole or not at all.

    Older checkpoints beyond ``keep`` are removed afterwards, and on a full disk before. Every process of a run must
    call this, for the weights that are in pieces and for the states of the random generators; only the one that
    ``writes`` does. Raises OSError; what was half written is removed.
    """
    final = run / FOLDER / f"{STEP}{progress.step:08d}"
    cut = sharded.is_sharded(distiller)
    weights = _Whole(sharded.whole_state(distiller, keep=writes)) if cut else distiller
    moments = _tensors(optimizer, writes)
    if not writes:
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    # of this process, or of one that was killed while it wrote
    disk.sweep(final.parent)
    content = weights, moments, _state(progress, objective)
    try:
        _write(final, *content)
    except OSError as error:
        spare = every(run)[: -max(1, keep - 1)]
        if not spare or not disk.is_full(error):
            raise
        # they would be removed after the save anyway
        for old in spare:
            disk.remove(old)
        _write(final, *content)
    for old in every(run)[:-keep]:
        disk.remove(old)
    return final


def _write(final: Path, weights: nn.Module, moments: dict[str, torch.Tensor], state: str) -> None:
    temporary = disk.aside(final)
    try:
        temporary.mkdir()
        with disk.errors():
            save_model(weights, str(temporary / MODEL))
            save_file(moments, str(temporary / OPTIMIZER))
        (temporary / STATE).write_text(state, encoding="utf-8")
        for file in temporary.iterdir():
            disk.sync(file)
        if final.exists():
            disk.remove(final)
        temporary.replace(final)
        disk.sync(final.parent)
    except OSError:
        # on a full disk the half checkpoint takes the room that the record needs
        disk.discard(temporary)
        raise


def load(
    run: Path, distiller: Distiller, optimizer: torch.optim.Optimizer, objective: Objective, step: int | None = None
) -> Progress:
    """Load the newest whole checkpoint, or that of ``step``, into the objects as they are: the optimizer keeps owning
    the live tensors.

    Raises UserError if there is none, or it is of another model.
    """
    folder = newest(run) if step is None else run / FOLDER / f"{STEP}{step:08d}"
    try:
        state = bounded.json_of(folder / STATE)
        progress = Progress.read(state)
        if progress.step != _step(folder):
            raise ValueError(f"its state is of step {progress.step:,}")
        weights, means = ({str(n): float(v) for n, v in state[key].items()} for key in ("weights", "means"))
        if set(weights) - set(objective.weights) or not all(abs(w) <= LARGEST for w in weights.values()):
            raise ValueError("it has weights of other terms, or one that is no number of 32 bits")
        aware = {name: {n: float(v) for n, v in of.items()} for name, of in state.get("aware", {}).items()}
        device = str(next(distiller.parameters()).device)
        # on the CPU where each process takes but a piece of it
        place = "cpu" if sharded.is_sharded(distiller) else device
        content = load_file(str(folder / MODEL), device=place)
        if lost := next((name for name, tensor in content.items() if tensor.isnan().any()), None):
            raise ValueError(f"its {lost} holds NaN")
        sharded.load_state(distiller, content)
        _restore(optimizer, load_file(str(folder / OPTIMIZER), device=place))
    except (
        SafetensorError,
        RuntimeError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
        LookupError,
        OSError,
    ) as error:
        # everything that reading another run's file, or half a file, can raise
        told = f"{folder} does not fit this run: {unfit.reason(error)}"
        raise UserError(f"{told}; remove it to go on from the checkpoint before it") from None
    objective.weights |= weights
    objective.means = means
    objective.recall(aware)
    return progress


def amend(run: Path, progress: Progress, objective: Objective) -> None:
    """Put what the guards remember into the checkpoint of ``progress.step``, in one step. Raises OSError."""
    replace_text(run / FOLDER / f"{STEP}{progress.step:08d}" / STATE, _state(progress, objective))


def drop_after(run: Path, step: int) -> None:
    """Remove the checkpoints of later steps, from which the run has gone back."""
    for folder in every(run):
        if _step(folder) > step:
            disk.remove(folder)


def last_before(run: Path, step: float | None) -> int | None:
    """Return the newest step with a checkpoint, of those before ``step`` where one is given; None if there is none."""
    steps = [_step(folder) for folder in every(run)]
    return max((s for s in steps if step is None or s < step), default=None)


def newest(run: Path) -> Path:
    """Return the checkpoint with the most steps. Raises UserError if there is none."""
    found = every(run)
    if not found:
        again = f"sad train --config {shlex.quote(str(run / RECIPE))}"
        raise UserError(f"{run} has no checkpoint to go on from; start it again with: {again}")
    return found[-1]


def steps_done(run: Path) -> int:
    """Return the optimizer steps that the newest checkpoint stands for. Raises UserError if there is none."""
    return _step(newest(run))


def per_step(run: Path) -> int:
    """Return how many examples a step of the run takes over all processes; 0 where no checkpoint tells."""
    try:
        return int(bounded.json_of(newest(run) / STATE)["per_step"])
    except (UserError, OSError, ValueError, TypeError, LookupError, OverflowError):
        return 0


def every(run: Path) -> list[Path]:
    """Return every whole checkpoint, by its steps; a copy that somebody made under another name is none."""
    named = (p for p in (run / FOLDER).glob(f"{STEP}*") if p.name.removeprefix(STEP).isdecimal())
    return sorted((p for p in named if (p / STATE).is_file()), key=_step)


def _state(progress: Progress, objective: Objective) -> str:
    aware = {"aware": state} if (state := objective.state()) else {}
    return json.dumps({**asdict(progress), "weights": objective.weights, "means": objective.means, **aware}, indent=1)


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix(STEP))


class _Whole(nn.Module):
    """A state in the form that safetensors takes, which writes tied weights once."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._state = state

    def state_dict(self, *_: Any, **__: Any) -> dict[str, torch.Tensor]:  # type: ignore[override]  # noqa: ANN401
        return dict(self._state)


def _tensors(optimizer: torch.optim.Optimizer, keep: bool) -> dict[str, torch.Tensor]:
    """Optimizer state and the random generators of every process, flat; an empty one where it is not kept."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    flat: dict[str, torch.Tensor] = {}
    for i, of in state.items():
        for key, value in of.items():
            full = sharded.whole(value)
            if keep:
                flat[f"{i}/{key}"] = (full if full is value else full.to("cpu", copy=True)).contiguous()
    return flat | random_states.gathered(keep)


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    random_states.restore(tensors)
    state: dict[int, dict[str, torch.Tensor]] = {}
    params = {i: p for i, p in enumerate(p for group in optimizer.param_groups for p in group["params"])}
    for name, value in tensors.items():
        index, key = name.split("/", 1)
        check_moment(optimizer, int(index), key, value)
        # a count of steps is whole on every process
        place = params.get(int(index)) if value.ndim else None
        state.setdefault(int(index), {})[key] = value if place is None else sharded.like(value, place)
    whole = optimizer.state_dict()
    known = {index for group in whole["param_groups"] for index in group["params"]}
    if set(state) - known:
        raise ValueError("its optimizer has more parameters")
    if any(len(of) != 1 + len(engine.MOMENTS) for of in state.values()):
        raise ValueError("its optimizer lacks a moment")
    optimizer.load_state_dict({**whole, "state": state})
