"""A bug in the code that trains: which attributes are replaced by what, and what the doctor should then name first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
Make = Callable[[Any], Any]
"""Takes what stands there, returns what is put in its place."""


@dataclass(frozen=True)
class World:
    """What a run is made of besides the code, for the sick run and the healthy one alike.

    ``changes`` are sections of the recipe. ``massive``: the teacher's states hold an enormous activation at the first
    position. ``unlabelled``: each so many-th window has nothing to learn. ``resumed``: the run is taken up in the
    middle. ``processes`` of them, joined by gloo, train together. ``peaked``: the student begins
    with logits that are so many times too large.
    """

    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    massive: bool = False
    unlabelled: int = 0
    resumed: bool = False
    processes: int = 1
    peaked: float = 1.0


@dataclass(frozen=True)
class Fault:
    """The bug ``code``, put in at ``places``: (owner, attribute, what makes the faulty one of the right one).

    ``causes`` are the red flags of which the doctor should name one first, decided beforehand; none where no column of
    a log should show it, for the reason in ``unseen``. ``neighbour`` is a bug whose properties are asked where its own
    look elsewhere.
    """

    code: str
    told: str
    places: tuple[tuple[Any, str, Make], ...]
    causes: tuple[str, ...] = ()
    world: World = World()
    unseen: str = ""
    neighbour: str = ""

    @contextmanager
    def put_in(self) -> Iterator[None]:
        """Have the bug in the code that trains while this lasts."""
        with ExitStack() as stack:
            for owner, name, make in self.places:
                if isinstance(owner, dict):
                    stack.enter_context(patch.dict(owner, {name: make(owner[name])}))
                else:
                    stack.enter_context(patch.object(owner, name, make(inspect.getattr_static(owner, name))))
            yield

    @property
    def files(self) -> set[str]:
        """The files of the code that trains in which the bug is."""
        found = {_file(owner, name) for owner, name, _ in self.places}
        return {path for path in found if path}


def _file(owner: Any, name: str) -> str:
    right: Any = owner[name] if isinstance(owner, dict) else inspect.getattr_static(owner, name)
    right = right.fget if isinstance(right, property) else right
    path = Path(inspect.getsourcefile(inspect.unwrap(right)) or "").resolve()
    # what is in another project's code stands in for a place of ours that calls it
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
