"""Ways in which a part of the loop can go wrong, whatever the part is: a number, a gradient, the weights.

A grid of parts by ways is systematic where a list of anecdotes ends: see ``grid_*.py``, one file a group of parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor

from planted.record import Record
from planted.training import Training
from sad_doctor import names

Way = Callable[[Sequence[Any], float], Any]
"""From the values of a part so far, of which the last is the true one, and the share of the run that is done: what is
used in its place. Values are numbers or tensors."""


def missing(past: Sequence[Any], _done: float) -> Any:
    """Zero."""
    return past[-1] * 0


def turned(past: Sequence[Any], _done: float) -> Any:
    """With the other sign."""
    return past[-1] * -1


def constant(past: Sequence[Any], _done: float) -> Any:
    """The first one for ever."""
    return past[0]


def never_reset(past: Sequence[Any], _done: float) -> Any:
    """The sum of all so far."""
    return sum(past[1:], past[0])


def scaled(by: float) -> Way:
    return lambda past, _done: past[-1] * by


def delayed(by: int) -> Way:
    return lambda past, _done: past[max(0, len(past) - 1 - by)]


def held(count: int) -> Way:
    """Renewed only every ``count`` times."""
    return lambda past, _done: past[(len(past) - 1) // count * count]


def reset_every(count: int) -> Way:
    """The sum since the last multiple of ``count``."""
    return lambda past, _done: sum(past[(len(past) - 1) // count * count + 1 :], past[(len(past) - 1) // count * count])


def saturated(low: float, high: float) -> Way:
    return lambda past, _done: (
        past[-1].clamp(low, high) if isinstance(past[-1], Tensor) else min(max(past[-1], low), high)
    )


def drifting(to: float) -> Way:
    """Times a factor that grows from 1 to ``to`` over the run."""
    return lambda past, done: past[-1] * to**done


def noisy(by: float) -> Way:
    """Noise of ``by`` times its size is added."""

    def way(past: Sequence[Any], _done: float) -> Any:
        true = past[-1]
        return true + by * true.square().mean().sqrt() * torch.randn(true.shape)

    return way


def now_and_then(way: Way, when: Callable[[int], bool]) -> Way:
    """Only at the counts, from 1, that ``when`` says."""
    return lambda past, done: way(past, done) if when(len(past)) else past[-1]


def since(share: float, way: Way) -> Way:
    """From a share of the run on."""
    return lambda past, done: way(past, done) if done >= share else past[-1]


def until(share: float, way: Way) -> Way:
    return lambda past, done: way(past, done) if done < share else past[-1]


def last_seen(share: float) -> Way:
    """Renewed no more from a share of the run on."""
    kept: dict[int, Any] = {}

    def way(past: Sequence[Any], done: float) -> Any:
        # the list itself is the part: one way may serve several columns
        if done < share:
            kept[id(past)] = past[-1]
        return kept.get(id(past), past[-1])

    return way


def tossed(kinds: Iterable[type[Training]], seed: str) -> tuple[tuple[type[Training], ...], tuple[type[Training], ...]]:
    """Return two halves of the kinds, drawn by a coin of a fixed seed: to mend rules by, and to judge them."""
    drawn = sorted(kinds, key=lambda kind: kind.__name__)
    Random(seed).shuffle(drawn)
    half = len(drawn) // 2
    return tuple(drawn[:half]), tuple(drawn[half:])


# what a whole record says of a fault's effect ---------------------------------------------------------------------
def hardly(record: Record, /) -> bool:
    """Whether the label loss of the evaluation ends within a twelfth of its start, or above it."""
    lm = record.column(names.EVAL_LM_LOSS)
    return not lm[-1] < 0.92 * lm[0]


def rises(record: Record, /) -> bool:
    """Whether the loss ends clearly above its lowest."""
    loss = record.column(names.LOSS)
    return not sorted(loss[-9:])[4] < 1.2 * min(loss)


def badly(record: Record, /) -> bool:
    return hardly(record) or rises(record)
