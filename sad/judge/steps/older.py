"""Trainers for transformers before 4.46, whose methods are told no number of items: they are called without."""

from __future__ import annotations

import inspect
from typing import Any

METHODS = ("compute_loss", "training_step")
COUNT = "num_items_in_batch"


def counting_none(kind: Any) -> tuple[str, ...]:  # noqa: ANN401 - a class of transformers
    """Return which of a trainer's own methods would raise at the number of items."""
    import transformers

    found = []
    for name in METHODS:
        method = getattr(kind, name)
        every = inspect.signature(method).parameters.values()
        takes = any(p.name == COUNT or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in every)
        if method is not getattr(transformers.Trainer, name) and not takes:
            found.append(name)
    return tuple(found)


def without_counts(kind: Any) -> Any:  # noqa: ANN401 - a class of transformers
    """Return the same class, whose older methods are called as they were."""

    def older(name: str) -> Any:  # noqa: ANN401 - a method
        method = getattr(kind, name)
        most = len(inspect.signature(method).parameters) - 1

        def called(self: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes
            named.pop(COUNT, None)
            return method(self, *given[:most], **named)

        return called

    return type(kind.__name__, (kind,), {"__module__": kind.__module__, **{n: older(n) for n in counting_none(kind)}})
