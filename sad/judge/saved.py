"""What a program reads back that was saved: tokens and states of tensors, from files that are not here.

`torch.load(path)` may be rows of ids, a dict of them, or a checkpoint. It is all of these: as a tensor it has the ids
of the texts that are judged; by a name it has a part, which is the same; and a model or an optimizer that is to take
its state from it stays as it is.
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sad.judge.callers import asking, bound
from sad.judge.dicts import unpacked
from sad.judge.records import Pickled, Records, ids_of

COUNTS = re.compile(r"(^|_)(epoch|step|steps|iter\w*|best\w*|loss|epochs)($|_)")
"""In the names of what a checkpoint counts: it is one of the beginning."""


class Saved(Tensor):
    """Ids [text, token] of all texts, zeros behind them, and a dict of anything that was saved."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - a part, by a name or a place
        if isinstance(key, str):
            return 0 if COUNTS.search(key) else self
        return super().__getitem__(key)

    def get(self, key: str, _: object = None) -> Any:  # noqa: ANN401 - a dict's
        """Return a part."""
        return self[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) or super().__contains__(key)

    def __iter__(self) -> Any:  # noqa: ANN401 - torch's
        many = unpacked(sys._getframe(1))
        return iter([self] * many) if many else super().__iter__()  # type: ignore[no-untyped-call]

    def keys(self) -> Sequence[str]:
        """Return the names of the entries of a state: none."""
        return ()

    def items(self) -> Sequence[tuple[str, Tensor]]:
        """Return the entries of a state: none."""
        return ()


def rows(texts: Sequence[str]) -> Tensor:
    """Return the ids of texts as a tensor [text, token]."""
    every = [torch.tensor(ids_of(one)) for one in texts]
    return nn.utils.rnn.pad_sequence(every, batch_first=True).as_subclass(Saved)


def stands(texts: Sequence[str]) -> Iterator[tuple[Any, str, Any]]:
    """Go through what reads saved things back: the place, the name and what stands there."""

    def read(real: Callable[..., Any]) -> Callable[..., Any]:
        def load(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever was saved
            if given and isinstance(given[0], Pickled):
                return rows(texts)
            try:
                return real(*given, **named)
            except (OSError, AttributeError, TypeError):
                # there is no such file, or no name of one
                if asking() is None:
                    raise
                return rows(texts)

        return load

    def unpickled(file: Any, **named: Any) -> Any:  # noqa: ANN401 - a file
        return Records(texts) if isinstance(file, Pickled) else unpickle(file, **named)

    unpickle = pickle.load
    yield from bound("torch", {"load": read(torch.load)})
    yield from bound("pickle", {"load": unpickled})
    if (home := sys.modules.get("safetensors.torch")) is not None:
        yield from bound("safetensors.torch", {"load_file": read(home.load_file)})
    for kind in (nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler):
        yield kind, "load_state_dict", _taking(kind.load_state_dict)


def _taking(real: Callable[..., Any]) -> Callable[..., Any]:
    """What takes a state: one that was read here, or what is left of it, leaves all as it is."""

    def take(self: Any, state: Any = None, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - torch's
        if isinstance(state, Saved) or (asking() is not None and isinstance(state, dict) and not state):
            return nn.modules.module._IncompatibleKeys([], [])
        return real(self, state if state is not None else named.pop("state_dict"), *more, **named)

    return take
