"""One optimizer step: every micro-batch, one division by the units of them all, one update."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sad.batch import KD, LM, Batch, widest
from sad.distiller import Distiller
from sad.evaluate import likelihood
from sad.objective import Ledger, Objective
from sad.train.clock import Clock
from sad.train.loss_scale import LossScale
from sad.train.processes import sharded
from sad.train.processes.devices import reducer
from sad.train.processes.engine import Engine
from sad.train.processes.gradients import Joined, inside, joined
from sad.train.saving import random_states
from sad.train.update import update_ratio
from sad.train.watch.out_of_memory import Together


@dataclass(frozen=True, slots=True)
class Step:
    """The result of a step. ``tokens`` counts student labels, ``seen`` student tokens without padding, in ``texts``
    texts.

    The update was left out where ``finite`` is False or ``spike`` True; ``teacher_fails`` where neither it nor the
    teacher's logits are finite. ``trained`` is the loss that was differentiated, summed apart from the ledger's parts;
    ``level`` is the loss that is judged as a spike.
    """

    ledger: Ledger
    grad_norm: float
    finite: bool
    tokens: int
    seen: int
    texts: int
    coverage: float
    update_ratio: float | None
    spike: bool = False
    trained: float | None = None
    level: float | None = None
    teacher_fails: bool = False


@dataclass(frozen=True, slots=True)
class Learner:
    """What learns, ready for its processes: ``wrapped`` runs the pair as a distiller does, and the optimizer moves what
    of it has gradients. ``scale`` is there in float16 alone.
    """

    accelerator: Accelerator
    wrapped: nn.Module
    optimizer: torch.optim.Optimizer
    objective: Objective
    scale: LossScale | None = None

    @property
    def distiller(self) -> Distiller:
        """The pair itself, without what the processes put around it."""
        return inside(self.accelerator, self.wrapped)

    @property
    def scaled(self) -> float:
        """What the loss is multiplied by before its backward pass."""
        return 1.0 if self.scale is None else self.scale.value


def take_step(
    learner: Learner,
    batches: Sequence[Batch],
    clip: float,
    *,
    measure_update: bool = True,
    is_spike: Callable[[float], bool] | None = None,
    clock: Clock | None = None,
) -> Step:
    """Accumulate the gradient over ``batches`` (of this process), clip it, update the weights once.

    The loss is the sum over all micro-batches and processes divided by their units: the same for every way of
    cutting the step into pieces. A step whose loss or gradient is not finite, or whose loss ``is_spike``, changes no
    weight; the gradients are cleared in any case. ``clock`` measures its parts. Raises NoRoom on every process if
    one of several is out of memory.
    """
    accelerator, objective = learner.accelerator, learner.objective
    gradients = joined(accelerator, learner.wrapped, learner.optimizer)
    distiller = gradients.distiller
    mark = clock.mark if clock else _unmarked
    units, seen, texts = total_units(accelerator, distiller, batches)
    states = random_states.own() if learner.scale is not None else []
    found = _gradient(learner, gradients, batches, units, clip, mark)
    while learner.scale is not None and found.overflows and learner.scale.halve():
        gradients.clear()
        random_states.set_own(states)
        found = _gradient(learner, gradients, batches, units, clip, mark)
    ledger, norm = found.ledger, found.norm
    # a loss can be infinite although its gradient is not
    finite = math.isfinite(norm) and math.isfinite(ledger.loss)
    if finite and learner.scale is not None:
        learner.scale.held()
    level = objective.level(ledger)
    spike = finite and is_spike is not None and is_spike(level)
    ratio = _update(gradients.step, distiller, measure_update) if finite and not spike else None
    gradients.clear()
    grad_norm = gradients.norm(norm)
    mark("optimizer")
    finite = finite and math.isfinite(grad_norm)
    spike, ratio = spike and finite, ratio if finite else None
    if not spike:
        objective.follow(ledger, found.factors / max(1, units[KD]))
    coverage = units[KD] / max(1, units[LM])
    fails = not finite and _teacher_fails(accelerator, distiller, batches)
    return Step(
        *(ledger, grad_norm, finite, units[LM], seen, texts, coverage, ratio, spike),
        trained=found.loss,
        level=level,
        teacher_fails=fails,
    )


class _Gradient(NamedTuple):
    """What a gradient is of, and its norm before it was clipped: of all processes. ``factors`` as the objective counts
    them, ``loss`` as it was differentiated.
    """

    ledger: Ledger
    norm: float
    factors: float
    loss: float

    @property
    def overflows(self) -> bool:
        """Whether the gradient alone is not finite."""
        return not math.isfinite(self.norm) and math.isfinite(self.ledger.loss)


def _gradient(
    learner: Learner,
    gradients: Joined | Engine,
    batches: Sequence[Batch],
    units: Mapping[str, int],
    clip: float,
    mark: Callable[[str], None],
) -> _Gradient:
    """Leave the clipped gradient of the step with the weights."""
    objective, gaps = learner.objective, learner.objective.gaps
    if gaps is not None:
        gaps.begin()
    trained, totals = _accumulate(learner, gradients, batches, units, mark)
    if learner.scale is not None:
        assert isinstance(gradients, Joined), "an engine scales by itself"
        gradients.divide(learner.scaled)
    clipped = gradients.clip(clip)
    counted = [] if gaps is None else [gaps.counted()]
    loss, *sums, norm = _read(learner.accelerator, [trained, *totals.values(), *counted], clipped)
    factors = sums.pop() if counted else 0.0
    return _Gradient(objective.ledger(dict(zip(totals, sums, strict=True)), units), norm, factors, loss)


def _accumulate(
    learner: Learner,
    gradients: Joined | Engine,
    batches: Sequence[Batch],
    units: Mapping[str, int],
    mark: Callable[[str], None],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add up the gradient of every micro-batch; return the loss that it is of and each term's sum, of this process."""
    accelerator, objective = learner.accelerator, learner.objective
    distiller, scale = gradients.distiller, learner.scaled
    scales = objective.scales(units)
    if learner.scale is not None:
        # a gradient that is formed in the forward pass would underflow there already
        scales = {name: scale * of for name, of in scales.items()}
    together = Together(accelerator, pieces=sharded.in_pieces(distiller))
    wide = widest(accelerator.device)
    trained, totals = torch.zeros((), dtype=wide, device=accelerator.device), dict[str, Tensor]()
    for number, batch in enumerate(batches, 1):
        last = number == len(batches)
        with accelerator.autocast(), gradients.passing(last=last):
            with together.trying():
                moved = batch.to(accelerator.device)
                mark("data")
                teacher = distiller.ask_teacher(moved)
                mark("teacher")
            if last:
                # the last forward pass sets up the exchange, and so waits for the other processes already
                together.agree()
            if not together.failed:
                with together.trying():
                    sums = learner.wrapped(moved, teacher, scales)
                    loss = objective.part(sums, units)
                    mark("student")
                    if not last:
                        gradients.backward(loss * scale)
            if last:
                together.agree()
                gradients.backward(loss * scale)
        if together.failed:
            continue
        mark("backward")
        trained += loss.detach()
        for name, one in sums.items():
            totals[name] = totals.get(name, torch.zeros(())) + one.total.detach().to(wide)
    return trained, totals


class Units(NamedTuple):
    """What a step counts: units of each term, student tokens without padding, and texts."""

    of: dict[str, int]
    tokens: int
    texts: int


def total_units(accelerator: Accelerator, distiller: Distiller, batches: Sequence[Batch]) -> Units:
    """Return the counts over all micro-batches and processes of the step."""
    counts = [distiller.counts(batch) for batch in batches]
    names = list(counts[0])
    totals = [sum(c[n] for c in counts) for n in names]
    totals += [sum(column) for column in zip(*(batch.read() for batch in batches), strict=True)]
    if accelerator.num_processes > 1:
        # a single process need not wait for the device
        totals = accelerator.reduce(torch.tensor(totals, device=accelerator.device), "sum").tolist()
    return Units(dict(zip(names, totals, strict=False)), *totals[-2:])


def _read(accelerator: Accelerator, totals: list[Tensor], norm: Tensor) -> list[float]:
    """Bring the totals (summed over processes) and the gradient norm to the host, in one transfer."""
    device = accelerator.device
    summed = accelerator.reduce(torch.stack([t.to(device) for t in totals]), "sum")
    return [float(v) for v in torch.cat([summed, norm.to(summed).reshape(1)]).tolist()]


def _update(step: Callable[[], None], distiller: Distiller, measure: bool) -> float | None:
    """Take the step; return the norm of the student's update over the norm of its weights, if asked."""
    if not measure:
        step()
        return None
    return float(update_ratio(distiller.student, step))


def _teacher_fails(accelerator: Accelerator, distiller: Distiller, batches: Sequence[Batch]) -> bool:
    """Return whether the teacher's logits are not finite on the step's texts; False where a cache stands for it.

    All processes take part: the teacher may be in pieces.
    """
    if not distiller.hears_teacher:
        return False
    with accelerator.autocast():
        return not math.isfinite(likelihood(distiller, batches, reducer(accelerator)).nats)


def _unmarked(part: str) -> None:
    """Mark nothing: no clock was given."""
