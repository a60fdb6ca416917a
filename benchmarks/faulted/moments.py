"""At which moments a run is killed: each kind by itself, drawn from a seed, with what of a run it is aimed at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from faulted import hooks
from faulted.start import Before


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a run that nobody killed did: seconds, operations and renames in its folder, operations in its student,
    calls between processes.
    """

    seconds: float
    operations: int
    renames: int
    in_student: int
    calls: int


Draw = Callable[[Random, Sizes, str], Before]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of moment. ``draw`` makes what the victim does to itself; without it the moment is one of the clock.

    Of several processes the first writes; where ``either``, any of them may be the victim.
    """

    name: str
    weight: int
    processes: int = 1
    draw: Draw | None = None
    either: bool = False


def _operation(draw: Random, of: Sizes, within: str) -> Before:
    return partial(hooks.at_operation, within, draw.randint(1, of.operations))


def _rename(done: bool | None, draw: Random, of: Sizes, within: str) -> Before:
    after = draw.random() < 0.5 if done is None else done
    return partial(hooks.at_rename, within, draw.randint(1, of.renames), after)


def _export(draw: Random, of: Sizes, _within: str) -> Before:
    return partial(hooks.at_operation, "student", draw.randint(1, of.in_student))


def _line(draw: Random, _of: Sizes, _within: str) -> Before:
    return partial(hooks.torn_line, draw.randint(1, 42), draw.random())


def _checkpoint(draw: Random, _of: Sizes, _within: str) -> Before:
    return partial(hooks.torn_tensors, draw.randint(1, 12), draw.random())


def _evaluation(draw: Random, of: Sizes, _within: str) -> Before:
    # each of two processes scores half of the batches
    return partial(hooks.in_evaluation, draw.randint(1, 12 if of.calls else 24))


def _call(draw: Random, of: Sizes, _within: str) -> Before:
    return partial(hooks.at_call, draw.randint(1, of.calls))


KINDS = (
    Kind("any moment", 4),
    Kind("file operation", 6, draw=_operation),
    Kind("before a rename", 3, draw=partial(_rename, False)),
    Kind("after a rename", 3, draw=partial(_rename, True)),
    Kind("export", 2, draw=_export),
    Kind("log line", 3, draw=_line),
    Kind("checkpoint", 3, draw=_checkpoint),
    Kind("evaluation", 2, draw=_evaluation),
    Kind("two, any moment", 4, 2, either=True),
    Kind("two, rename", 2, 2, partial(_rename, None)),
    Kind("two, log line", 1, 2, _line),
    Kind("two, checkpoint", 2, 2, _checkpoint),
    Kind("two, evaluation", 1, 2, _evaluation, either=True),
    Kind("two, call", 2, 2, _call, either=True),
)
NAMES = tuple(kind.name for kind in KINDS)
