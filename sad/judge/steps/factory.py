"""Functions that make a step in place of being one, and what they are called with to see what they make."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import lru_cache
from types import FunctionType
from typing import Any

import torch

from sad.judge.judging import Code, source
from sad.judge.steps.model import Bigram
from sad.judge.steps.names import (
    ACCUMULATIONS,
    BATCHES,
    CLIPS,
    LOADERS,
    MODELS,
    OPTIMIZERS,
    RATES,
    SCHEDULERS,
    SPLITS,
    TEACHERS,
    TOTALS,
    WARMUPS,
    WINDOWS,
)

MAKES = re.compile(r"_?(make|build|create|get|new|init|setup)_|\w*(factory|_fn)$")
"""What the name of a function that makes a step is like."""
MAKES_INSIDE = re.compile(r"^ +(async )?def \w+\(.*?^ +return \w+$", re.MULTILINE | re.DOTALL)
"""Where it defines a function and returns it."""


def is_factory(target: Any) -> bool:  # noqa: ANN401 - whatever was named
    """Whether it makes a step in place of being one: a function of a model that takes nothing to learn from."""
    return inspect.isfunction(target) and _makes(target)


@lru_cache(maxsize=256)
def _makes(target: FunctionType) -> bool:
    own = {name.lower() for name in inspect.signature(target).parameters}
    if own & {*BATCHES, *WINDOWS, *LOADERS, *SPLITS} or not own & {*MODELS}:
        return False
    return bool(MAKES.match(target.__name__)) or bool(own & {*OPTIMIZERS} and MAKES_INSIDE.search(source(Code(target))))


def any_values() -> Mapping[str, Any]:
    """Return values by their names, with which one is made that is only looked at."""
    model = Bigram(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    return {
        **dict.fromkeys(MODELS, model),
        **dict.fromkeys(TEACHERS, Bigram(2)),
        **dict.fromkeys(OPTIMIZERS, optimizer),
        **dict.fromkeys(SCHEDULERS, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)),
        **dict.fromkeys((*CLIPS, *RATES), 1.0),
        **dict.fromkeys((*ACCUMULATIONS, *WARMUPS, *TOTALS), 1),
    }
