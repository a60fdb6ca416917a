"""Ways of going wrong that any tensor of a training can take: one column of the grid, whatever the part.

A way is a function of a value and of what it remembers, and returns what is used in its place. Ways that remember are
for training only: an evaluation has other shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Memory:
    """What a way knows: where the run is, what it was given before, and a source of chance."""

    steps: int
    random: torch.Generator
    step: int = 0
    kept: list[Tensor] = field(default_factory=list)
    at: int = -1
    """The step, or the stretch of steps, of what is kept."""

    @property
    def done(self) -> float:
        return self.step / self.steps


Way = Callable[[Tensor, Memory], Tensor]


def missing(value: Tensor, _: Memory) -> Tensor:
    return value * 0


def turned(value: Tensor, _: Memory) -> Tensor:
    """The sign is turned."""
    return -value


def scaled(factor: float) -> Way:
    return lambda value, _: value * factor


def powered(exponent: float) -> Way:
    return lambda value, _: value**exponent


def whole(value: Tensor, _: Memory) -> Tensor:
    """Kept in an integer type: cut off, and without a gradient."""
    return value.detach().trunc()


def saturated(low: float, high: float) -> Way:
    return lambda value, _: value.clamp(low, high)


def wrapped(levels: int) -> Way:
    """Kept in a type of so few levels that it begins again at 0."""
    return lambda value, _: value % levels


def constant(value: Tensor, memory: Memory) -> Tensor:
    """The first value, for ever."""
    if not memory.kept:
        memory.kept.append(value.detach().clone())
    return memory.kept[0]


def stale(every: int) -> Way:
    """Computed at every so many steps, and used until the next time."""

    def way(value: Tensor, memory: Memory) -> Tensor:
        if memory.at != memory.step // every:
            memory.at, memory.kept = memory.step // every, [value.detach().clone()]
            return value
        return memory.kept[0]

    return way


def delayed(value: Tensor, memory: Memory) -> Tensor:
    """That of the step before."""
    memory.kept = [*memory.kept, value.detach().clone()][-2:]
    return memory.kept[0]


def never_reset(value: Tensor, memory: Memory) -> Tensor:
    """A sum that is never set to 0."""
    before = memory.kept[0] if memory.kept else torch.zeros_like(value)
    memory.kept = [before + value.detach()]
    return value + before


def averaged(value: Tensor, memory: Memory) -> Tensor:
    """A mean over all steps so far."""
    memory.at = 1 if memory.at < 0 else memory.at + 1
    before = memory.kept[0] if memory.kept else torch.zeros_like(value)
    memory.kept = [before + value.detach()]
    return (value + before) / memory.at


def drifting(factor: float) -> Way:
    """Multiplied by what grows, or shrinks, to ``factor`` at the end of the run."""
    return lambda value, memory: value * factor**memory.done


def fading(value: Tensor, memory: Memory) -> Tensor:
    """Multiplied by what falls to 0 in a straight line."""
    return value * (1 - memory.done)


def noisier(values: int) -> Way:
    """A share that grows to all of it is replaced by integers below ``values``."""

    def way(value: Tensor, memory: Memory) -> Tensor:
        chosen = torch.rand(value.shape, generator=memory.random) < memory.done
        return torch.where(chosen, torch.randint(values, value.shape, generator=memory.random), value)

    return way


def doubled(value: Tensor, _: Memory) -> Tensor:
    """Everything along the second dimension comes twice."""
    return value.repeat_interleave(2, dim=1)[:, : value.shape[1]]


def thinned(value: Tensor, _: Memory) -> Tensor:
    """Every second one along the second dimension is left out."""
    return value[:, ::2]


def rolled(by: int, dim: int) -> Way:
    return lambda value, _: value.roll(by, dims=dim)


def reversed_(value: Tensor, _: Memory) -> Tensor:
    """Last one first, along the second dimension."""
    return value.flip(1)


def viewed(value: Tensor, _: Memory) -> Tensor:
    """Transposed, and then viewed in the old shape."""
    return value.transpose(0, 1).reshape(value.shape)


def mean_over(dim: int) -> Way:
    return lambda value, _: value.mean(dim, keepdim=True).expand(value.shape)


def by_size(value: Tensor, _: Memory) -> Tensor:
    """A sum over 192 tokens in place of their mean."""
    return value * 192


def now_and_then(way: Way, every: int) -> Way:
    return lambda value, memory: way(value, memory) if memory.step % every == 0 else value


def in_turn(way: Way, stretch: int) -> Way:
    return lambda value, memory: way(value, memory) if memory.step // stretch % 2 else value


def until(way: Way, share: float) -> Way:
    return lambda value, memory: way(value, memory) if memory.done < share else value


def after(way: Way, share: float) -> Way:
    return lambda value, memory: value if memory.done < share else way(value, memory)
