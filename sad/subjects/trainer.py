"""A training loop, as anyone may have written it: what it is set up with, and what it was seen to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from sad.subjects.schedules import Schedule

NEVER = 10**9


@dataclass(frozen=True, slots=True)
class Setup:
    """One run. ``lengths`` are the numbers of labels of the texts; a trainer that makes texts of its own comes near
    them, and keeps them unequal.

    ``micro_batch`` texts a forward pass and ``accumulation`` passes a step, on each of ``devices`` devices of each of
    ``nodes`` nodes, all of them processes. ``warmup`` counts optimizer steps, as ``log_every`` and ``eval_every`` do.
    ``clip`` is the largest gradient norm of a step. ``weights`` are those of the terms that they name. With ``ramp``
    the objective moves on a schedule of its own while the run goes on: weights, temperature, whatever the trainer has.
    """

    lengths: tuple[int, ...]
    micro_batch: int = 1
    accumulation: int = 1
    devices: int = 1
    nodes: int = 1
    epochs: int = 1
    learning_rate: float = 1e-3
    schedule: Schedule | None = None
    """None: the one that the trainer has."""
    warmup: int = 0
    seed: int = 0
    clip: float = 1e9
    weights: tuple[tuple[str, float], ...] = ()
    log_every: int = 1
    eval_every: int = NEVER
    ramp: bool = False
    cuts: int = 1
    """In how many a trainer that knows how is to cut its micro-batches, as for want of memory."""
    held_out: int = 1
    """Texts that a trainer which can be told scores."""

    @property
    def processes(self) -> int:
        """Processes of all nodes."""
        return self.devices * self.nodes

    @property
    def global_batch(self) -> int:
        """Texts of a full optimizer step, over all its micro-batches and processes."""
        return self.micro_batch * self.accumulation * self.processes

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of a pass over the texts; what is left for the last one is a step too."""
        return -(-len(self.lengths) // self.global_batch)

    @property
    def steps(self) -> int:
        """Optimizer steps of the run."""
        return self.epochs * self.steps_per_epoch

    @property
    def split(self) -> str:
        """How a step is cut, in words."""
        where = f"{self.processes} process{'es' * (self.processes > 1)}"
        return f"micro-batches of {self.micro_batch}, {self.accumulation} accumulated, {where}"


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """An optimizer step as the optimizer saw it: the learning rate that it had, the gradient that it was handed
    (every parameter, flat; zeros where there was none), by how much it changed the weights.

    ``texts`` are the numbers of the texts that were read since the step before, over all processes, in the order in
    which they were read; empty where nobody can tell.
    """

    rate: float
    gradient: Float[Tensor, " weight"]
    change: Float[Tensor, " weight"]
    texts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """What was logged of an optimizer step, counted from 1. What is not logged is absent; ``epoch`` is how often the
    texts have been read by then.
    """

    step: int
    loss: float
    raw: Mapping[str, float] = field(default_factory=dict)
    weight: Mapping[str, float] = field(default_factory=dict)
    weighted: Mapping[str, float] = field(default_factory=dict)
    grad_norm: float | None = None
    epoch: float | None = None
    update: float | None = None
    """How far the step moved the weights, of their size."""
    counts: Mapping[str, float] = field(default_factory=dict)
    """What is said of the texts of a step, by name: how many tokens there were, and the like."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A run that was watched. ``scores`` are the numbers by which its evaluations are compared, in their order;
    ``ends`` the last weights of each process, whole; ``held`` how many numbers of them each process had at rest.
    ``saved`` is what was read from what the run saved, by name; empty where nobody looked.
    """

    taken: Sequence[Taken]
    log: Sequence[Line]
    scores: Sequence[float]
    ends: Sequence[Float[Tensor, " weight"]]
    held: Sequence[int] = ()
    saved: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a trainer says of itself, so that no more is asked of it.

    ``processes`` are the numbers of processes that it can be run on; ``schedules`` those that it knows by name;
    ``terms`` the terms whose weight can be set; ``grad_norm`` says that it logs the gradient norm, ``reshuffles`` that
    each epoch has an order of its own, ``clips`` that it bounds the gradient norm. ``noise`` is the relative error of a
    gradient that its arithmetic explains.
    ``sizes(step, log_every)`` tells which of the logged steps say how far they moved the weights, where that is said.
    """

    processes: tuple[int, ...] = (1,)
    schedules: tuple[Schedule, ...] = ()
    terms: tuple[str, ...] = ()
    grad_norm: bool = True
    reshuffles: bool = False
    clips: bool = True
    noise: float = 1e-5
    sizes: Callable[[int, int], bool] | None = None


class Trainer(Protocol):
    """Trains."""

    @property
    def claims(self) -> Claims:
        """What it says of itself."""

    def run(self, setup: Setup) -> Trace:
        """Train as ``setup`` says, the same every time."""


class Watch:
    """Sees the steps of the first optimizer that steps while it is open, from the optimizer itself: no loop can forget
    to tell. One of the same weights that is made after it goes on in its place. ``read`` is called by whoever sees
    which text is read; ``optimizer`` is the one that was seen.
    """

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.optimizer: torch.optim.Optimizer | None = None
        self._texts: list[int] = []
        self._before: tuple[float, Tensor, Tensor] | None = None

    def __enter__(self) -> Watch:
        self._hooks = [register_optimizer_step_pre_hook(self._look), register_optimizer_step_post_hook(self._note)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()

    def read(self, text: int) -> None:
        """Note that a text was read for the step to come."""
        self._texts.append(text)

    def forget(self) -> None:
        """The step to come is begun again: what was read for it counts no more."""
        self._texts.clear()

    def _look(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:  # noqa: ANN401 - torch's own signature
        if self.optimizer is None or (self._before is None and _same(self.optimizer, optimizer)):
            self.optimizer = optimizer
        if optimizer is self.optimizer:
            self._before = (float(optimizer.param_groups[0]["lr"]), gradient(optimizer), weights(optimizer))

    def _note(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:  # noqa: ANN401 - torch's own signature
        if optimizer is not self.optimizer or self._before is None:
            return
        (rate, handed, before), self._before = self._before, None
        self.taken.append(Taken(rate, handed, weights(optimizer) - before, tuple(self._texts)))
        self._texts.clear()


def joined(traces: Sequence[Trace]) -> Trace:
    """Return one trace of a run of several processes, from that of each: log, scores and save of the first, the texts
    of all, of each step the gradient that is farthest from the first one's.
    """
    taken = [_together(same) for same in zip(*(trace.taken for trace in traces), strict=True)]
    ends, held = [end for trace in traces for end in trace.ends], [n for trace in traces for n in trace.held]
    return replace(traces[0], taken=taken, ends=ends, held=held)


def _together(same: Sequence[Taken]) -> Taken:
    first = same[0].gradient
    worst = max(same, key=lambda taken: float((taken.gradient - first).norm()))
    return replace(worst, texts=tuple(text for taken in same for text in taken.texts))


def gradient(optimizer: torch.optim.Optimizer) -> Float[Tensor, " weight"]:
    """Return a copy of the gradient of every parameter, flat and whole; zeros where there is none.

    Of weights in pieces every process must ask for it.
    """
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in _parameters(optimizer)]
    return torch.cat([_whole(grad).flatten().clone() for grad in grads])


def weights(optimizer: torch.optim.Optimizer) -> Float[Tensor, " weight"]:
    """Return a copy of every parameter, flat and whole. Of weights in pieces every process must ask for it."""
    return torch.cat([_whole(p).flatten().clone() for p in _parameters(optimizer)])


def held(optimizer: torch.optim.Optimizer) -> int:
    """Return how many numbers of the parameters are in this process."""
    return sum((p.to_local() if hasattr(p, "to_local") else p).numel() for p in _parameters(optimizer))


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _same(one: torch.optim.Optimizer, other: torch.optim.Optimizer) -> bool:
    """Whether two optimizers have the same weights."""
    return [id(p) for p in _parameters(one)] == [id(p) for p in _parameters(other)]


def _whole(tensor: Tensor) -> Tensor:
    # gathered by torch itself and not by the loop that is watched: what it says of its pieces may be wrong
    gather: Callable[[], Tensor] | None = getattr(tensor.detach(), "full_tensor", None)
    return gather() if gather else tensor.detach()
