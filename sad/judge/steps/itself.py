"""Networks that train themselves: a module of layers of its own whose method trains it, by `self(x)`.

Its step is judged, not its layers: what it asks of itself, the stand-in answers, and what it trains is that.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from sad.judge.judging import Code, source
from sad.judge.steps.methods import named_method, with_methods
from sad.judge.steps.names import KNOWN, MODELS
from sad.judge.steps.roles import is_config, listed
from sad.subjects.plain.loop import VOCABULARY

LAYERS = re.compile(r"\bnn\.(Linear|Embedding|Sequential|Conv\w+|GRU|LSTM|RNN|Transformer\w*|ModuleList|Parameter)\(")
"""Where a class makes layers."""
OTHERS = re.compile(r"\bself\.(student|module)\b|\bfrom_(pretrained|config)\(")
"""Where it has another module for what it trains."""
ASKS_ITSELF = re.compile(r"\bself(\.forward)?\(")
CLASSES = re.compile(r"vocab|class|label|(^|_)out")
"""In the names of sizes that are the number of its logits."""
WIDTH = 8


def trains_itself(of: Any, target: Any) -> bool:  # noqa: ANN401 - a class, and what was named
    """Whether a class is a network of its own layers whose ``target``, it or a method, asks and trains itself."""
    if not (isinstance(of, type) and issubclass(of, nn.Module)):
        return False
    own = [
        one for one in of.__mro__ if issubclass(one, nn.Module) and not one.__module__.startswith(("torch.", "sad."))
    ]
    if not any("forward" in vars(one) for one in own):
        return False
    text = "\n".join(source(Code(one)) for one in own)
    if OTHERS.search(text) or not LAYERS.search(text):
        return False
    if any(listed(name, KNOWN) in MODELS for name in inspect.signature(of).parameters):
        return False
    method = named_method(of) if target is of else getattr(target, "__name__", "")
    return method != "forward" and bool(ASKS_ITSELF.search(with_methods(Code(target, of))))


def itself(of: Any, target: Any, student: nn.Module) -> Any:  # noqa: ANN401 - a class
    """Return the class; of one that trains itself a class whose answers and weights are the student's."""
    if not trains_itself(of, target):
        return of

    def forward(_: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever models take and return
        return student(*given, **named)

    def train(self: Any, mode: bool = True) -> Any:  # noqa: ANN401 - itself
        student.train(mode)
        return of.train(self, mode)

    def parameters(_: Any, recurse: bool = True) -> Iterator[nn.Parameter]:  # noqa: ANN401
        return student.parameters(recurse)

    def named_parameters(_: Any, *given: Any, **named: Any) -> Iterator[tuple[str, nn.Parameter]]:  # noqa: ANN401
        return student.named_parameters(*given, **named)

    stands = {"forward": forward, "train": train, "parameters": parameters, "named_parameters": named_parameters}
    return type(of.__name__, (of,), {**stands, "__module__": of.__module__})


def sizes(of: Any, target: Any) -> Mapping[str, int]:  # noqa: ANN401 - a class
    """Return the sizes that the constructor of a class that trains itself must have: its layers answer nothing."""
    if not trains_itself(of, target):
        return {}
    return {
        listed(one.name, KNOWN): VOCABULARY if CLASSES.search(one.name) else WIDTH
        for one in inspect.signature(of).parameters.values()
        if one.default is one.empty and one.annotation in (int, "int", one.empty)
        if listed(one.name, KNOWN) not in KNOWN and not is_config(one.name)
    }
