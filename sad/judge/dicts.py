"""Dicts that stand in for a batch and for a model's output: keys are attributes too, and parts answer to more names."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator
from copy import copy
from types import FrameType
from typing import Any, Self

from torch import Tensor


class Batch(dict[str, Any]):
    """A dict whose keys are attributes too. What it has once serves both sides: `teacher_labels` are the labels."""

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 - a tensor
        if name in ("model_inputs", "inputs", "batch", "model_batch", "no_model_batch", "net_input") and self:
            # a batch of several parts: each has all of it
            return self
        side, _, rest = name.partition("_") if isinstance(name, str) else ("", "", "")
        if side in ("teacher", "student") and rest in self:
            return self[rest]
        if isinstance(name, str) and (kept := self._aside(name)) is not None:
            return kept
        raise KeyError(name)

    def also(self, aside: Callable[[str], Any]) -> Self:
        """Answer to names beside the keys too, where the function knows them: it gives None where it does not."""
        self.__dict__["_known_aside"] = aside
        return self

    def _aside(self, name: str) -> Any:  # noqa: ANN401 - a tensor, or None
        aside = self.__dict__.get("_known_aside")
        return None if aside is None else aside(name)

    def pop(self, name: Any, *default: Any) -> Any:  # noqa: ANN401 - a tensor, or the default
        """Take a value out, by the same rule."""
        if name not in self and (kept := self._aside(name)) is not None:
            return kept
        return super().pop(name, *default)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - a tensor, or the default
        """Return the value, by the same rule."""
        try:
            return self[name]
        except KeyError:
            return default

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a tensor
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def to(self, *_: object, **__: object) -> Batch:
        """Return itself: it is where it should be."""
        return self


class Output(Batch):
    """A model's output: attributes, keys and positions."""

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - a tensor
        return list(self.values())[key] if isinstance(key, int | slice) else super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        """Go through the keys; where it is unpacked, as what bare models return is, the logits come first."""
        if many := unpacked(sys._getframe(1)):
            first = [one for one in (self.get("logits"), self.get("loss")) if one is not None]
            return iter([*first, *[None] * many][:many])
        return iter(self.keys())


def anew(one: Any) -> Any:  # noqa: ANN401 - a batch of any form
    """Return a batch as a loader makes it again in each pass: what was taken out of it, or set in it, is as it was."""
    if isinstance(one, Tensor):
        return one.clone()
    if isinstance(one, dict):
        made = copy(one)
        for name, part in dict.items(one):
            dict.__setitem__(made, name, anew(part))
        return made
    return type(one)(map(anew, one)) if type(one) in (list, tuple) else one


def unpacked(frame: FrameType) -> int:
    """Return into how many names a function is unpacking what it asks (``first, second = …``), 0 where it is not."""
    code, at = frame.f_code, frame.f_lasti
    if any(one.offset == at and one.opname == "UNPACK_SEQUENCE" for one in dis.get_instructions(code)):
        return code.co_code[at + 1]
    return 0
