"""Loaders that code makes itself, over data that it is given or reads: they go through the batches that were made here.

`DataLoader(train_dataset, batch_size=8, shuffle=True, collate_fn=…)` shuffles, pads and cuts in its own way. What is
judged is the step or the evaluator, so the loader has the batches of that, in their order; a collator is judged alone.
Of data that was not given, the words around the loader tell whether it is what is trained on or what is scored.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from sad.judge.dicts import anew
from sad.judge.whose import told

SCORED = re.compile(
    r"(?<![a-z])(val|valid|validation|eval|evaluation|dev|test)(?![a-z])|(val|valid|eval|dev|test)_?(lo|da|se|d[ls])"
)
"""What the name of data that is scored has in it."""
INSTALLED = ("site-packages", "dist-packages")


class Collates:
    """A data set that makes and moves its own batches: all of them are left as they are."""

    def collate(self, some: Any, *_: object) -> Any:  # noqa: ANN401 - examples
        """Return what it is given."""
        return some

    def move_to_device(self, *given: Any, **_: object) -> Any:  # noqa: ANN401 - parts of a batch, and a device
        """Return the parts of a batch."""
        return given[:-1]


@dataclass(frozen=True, slots=True)
class Data:
    """What was given as data, the batches that stand for it, and what is called when the next one is asked for."""

    given: Any
    batches: Sequence[Any]
    look: Callable[[], None] | None = None


class Places(Sampler[int]):
    """The places of batches in their order; ``look`` is called whenever the next one is asked for, also at the end."""

    def __init__(self, many: int, look: Callable[[], None] | None) -> None:
        self.many, self.look = many, look

    def __len__(self) -> int:
        return self.many

    def __iter__(self) -> Iterator[int]:
        for place in range(self.many):
            yield place
            if self.look is not None:
                self.look()

    def set_epoch(self, epoch: int) -> None:
        """Keep the order, as in every epoch."""


def ahead(batches: Sequence[Any], look: Callable[[], None] | None = None) -> Any:  # noqa: ANN401 - torch's
    """Return a loader of torch for whoever asks for a batch more than it hands on, as accelerate: the last is not
    looked at.
    """

    def told(some: list[int]) -> Any:  # noqa: ANN401 - a batch of any form
        if some[0] and look is not None:
            look()
        return anew(batches[some[0]])

    return DataLoader(list(range(len(batches))), batch_size=1, collate_fn=told)  # type: ignore[arg-type]


@contextmanager
def own_loaders(data: Sequence[Data]) -> Iterator[None]:
    """As long as it is open, a loader that is made over some data goes through the batches of it.

    One over data of its program's own goes through those of the first, which are trained on, or of the last.
    """
    made: Any = DataLoader.__init__

    def init(self: Any, dataset: Any, *more: Any, **named: Any) -> None:  # noqa: ANN401 - torch's
        of = next((one for one in data if dataset is one.given), None)
        caller = _maker(self, sys._getframe(1))
        if of is None and data and caller is not None:
            of = data[-1 if told(caller, _scored) else 0]
        if of is None:
            made(self, dataset, *more, **named)
            return
        places = Places(len(of.batches), of.look)

        def told_of(some: Sequence[int]) -> Any:  # noqa: ANN401 - a batch of any form
            one = anew(of.batches[some[0]])
            return [one] if isinstance(one, Tensor) and _of_one_tensor(dataset) else one

        made(self, list(range(len(places))), sampler=places, collate_fn=told_of)

    setattr(DataLoader, "__init__", init)  # noqa: B010 - a method is no attribute that may be set
    try:
        yield
    finally:
        setattr(DataLoader, "__init__", made)  # noqa: B010


def _of_one_tensor(dataset: object) -> bool:
    """Whether a data set has examples of one tensor each: those of a batch come in a list."""
    return isinstance(dataset, TensorDataset) and len(dataset.tensors) == 1


def _maker(made: Any, frame: FrameType | None) -> FrameType | None:  # noqa: ANN401 - a loader
    """Return the function of the program that makes a loader; None where a library does, from another loader."""
    while (
        frame is not None and frame.f_code.co_name == "__init__" and any(one is made for one in frame.f_locals.values())
    ):
        frame = frame.f_back
    if frame is None or any(part in frame.f_code.co_filename for part in INSTALLED):
        return None
    return None if frame.f_globals.get("__name__", "").startswith("sad.") else frame


def _scored(names: Sequence[str]) -> bool | None:
    """Whether names are those of data that is scored, or trained on; None for neither, and for both."""
    lower = [name.lower() for name in names]
    scored, trained = any(map(SCORED.search, lower)), any("train" in name for name in lower)
    return None if scored == trained else scored
