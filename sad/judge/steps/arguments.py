"""What each parameter of a step or a loop is given, by its name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from sad.judge.choices import chosen
from sad.judge.declared import declared
from sad.judge.free import is_free
from sad.judge.steps.names import KNOWN, LIMITS, PLACES, SCALERS, SETTINGS, TOKENIZERS
from sad.judge.steps.roles import is_config, listed
from sad.judge.steps.scaler import SCALE
from sad.judge.steps.settings import CONFIGS, Settings, is_thing, plain
from sad.judge.steps.words import Words


def told(values: Mapping[str, Any], every: Iterable[inspect.Parameter], *, alone: bool) -> Mapping[str, Any]:
    """Return what an object of settings has of what is known by name: no model or scheduler that is handed over
    beside it, and none of them where it is ``alone``, that of a command line or a file.
    """
    if alone:
        return plain(values)
    handed = [values[name] for p in every if (name := listed(p.name, KNOWN)) in values]
    beside = {id(one) for some in handed for one in (some if isinstance(some, tuple) else (some,)) if is_thing(one)}
    return {name: value for name, value in values.items() if id(value) not in beside}


def arguments(
    every: Iterable[inspect.Parameter],
    values: Mapping[str, Any],
    known: Mapping[str, Any],
    *,
    of: Any,  # noqa: ANN401 - the class or function whose parameters they are
    source: str,
    asked: set[str],
) -> dict[str, Any]:
    """Return what is given to parameters: ``values`` by name, for settings those that are ``known``.

    What only logs or saves asks no more of the others than to be off.
    """
    found: dict[str, Any] = {}
    for parameter in (one for one in every if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)):
        name = listed(parameter.name, KNOWN)
        needed = is_free(parameter) or parameter.default is parameter.empty
        if name in values and (needed or name not in LIMITS):
            found[parameter.name] = values[name]
        elif (name in CONFIGS or is_config(name)) and (needed or parameter.default is None):
            found[parameter.name] = Settings(parameter.name, known, declared(parameter, of), asked)
        elif needed and name in TOKENIZERS:
            found[parameter.name] = Words()
        elif needed and name in {*SETTINGS, *PLACES}:
            # a loop that can go on from a step begins
            found[parameter.name] = SETTINGS.get(name, 0)
        elif needed and name.endswith("_weight"):
            found[parameter.name] = 0.5
        elif needed and name in SCALERS:
            found[parameter.name] = torch.amp.GradScaler("cpu", init_scale=SCALE, growth_interval=10**9)
        elif needed:
            found[parameter.name] = chosen(source, parameter.name) or getattr(Settings("", {}), parameter.name)
    return found
