"""Calls someone's step or loop: what each of its parameters is by its name, and in which unit it is called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import torch

from sad.judge.free import is_free
from sad.judge.judging import Code, reached, source
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.steps import engine
from sad.judge.steps.arguments import arguments, told
from sad.judge.steps.factory import any_values, is_factory
from sad.judge.steps.itself import itself, sizes
from sad.judge.steps.methods import STEPPED, loss_of, named_method, trained, with_methods
from sad.judge.steps.names import (
    ACCELERATORS,
    ACCUMULATES,
    ACCUMULATIONS,
    BATCHES,
    EPOCHS,
    KNOWN,
    LASTS,
    LOADERS,
    MODELS,
    NEXT,
    OPTIMIZERS,
    PAIRS,
    PLAIN_SETTINGS,
    RATES,
    SCHEDULERS,
    SPLITS,
    TEACHERS,
    TOTALS,
    WINDOWS,
)
from sad.judge.steps.roles import is_config, listed, unlisted
from sad.judge.steps.settings import CONFIGS, settings_read
from sad.judge.steps.sources import (
    ASKS_MODEL,
    EVERY,
    FETCHES,
    GOES_ROUND,
    MAKES_LOADER,
    one_more,
    whole_source,
)


class Unit(StrEnum):
    """What one call is."""

    MICRO_BATCH = "a micro-batch"
    STEP = "an optimizer step"
    EPOCH = "an epoch"
    RUN = "a whole run"


def _signature(target: Any) -> list[inspect.Parameter]:  # noqa: ANN401 - anything that is called
    try:
        return list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        raise NeedsAdapterError(f"{getattr(target, '__name__', target)} has no signature to read") from None


@dataclass(frozen=True, slots=True)
class Call:
    """A step or loop, and in which form it gets its batches."""

    code: Code
    form: str
    asked: set[str] = field(default_factory=set)
    """The settings that it was seen to read, of a command line or a file of them."""
    on: frozenset[str] = frozenset()
    """Its switches that are on, where others are off."""
    _names: dict[int, dict[str, str]] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What it takes, by the field's names, at so many settings asked: it takes long to read, and is asked for often."""

    def takes(self, *groups: tuple[str, ...]) -> str:
        """Return which parameter of these names it has, '' for none."""
        if (names := self._names.get(len(self.asked))) is None:
            names = self._names[len(self.asked)] = self._named()
        return next((names[name] for group in groups for name in group if name in names), "")

    def _named(self) -> dict[str, str]:
        every = [p.name for p in (*self.parameters(), *self.built())]
        text = "" if self.code.adapter is not None else whole_source(self.code)
        read = [*settings_read(text, every), *sorted(self.asked)]
        names = {listed(name, KNOWN): name for name in (*read, *every)}
        return names | {one: names[pair] for pair in PAIRS if pair in names for one in (OPTIMIZERS[0], SCHEDULERS[0])}

    @property
    def unit(self) -> Unit:
        """What one call is: told by what it takes. Raises UserError where it takes no batch."""
        if self.code.adapter is not None:
            return Unit.RUN
        own = {listed(p.name, KNOWN) for p in (*self.parameters(), *self.built()) if not is_free(p)}
        if own & {*BATCHES} and not own & {*WINDOWS, *LOADERS, *SPLITS}:
            # a global that is a loader is that of its program
            return Unit.MICRO_BATCH if self.accumulates else Unit.STEP
        if self.takes(WINDOWS):
            return Unit.STEP
        if self.takes(LOADERS, SPLITS):
            return Unit.RUN if self.takes(EPOCHS) or self.ends_itself else Unit.EPOCH
        if self.takes(NEXT):
            return Unit.RUN if self.takes(TOTALS) else Unit.STEP
        if not self.takes(BATCHES):
            if not self.loads:
                raise NeedsAdapterError("it takes neither a batch nor a loader", *unlisted(self.parameters(), KNOWN))
            return Unit.RUN if self.takes(EPOCHS) or self.ends_itself else Unit.EPOCH
        return Unit.MICRO_BATCH if self.accumulates else Unit.STEP

    @property
    def configured(self) -> bool:
        """Whether it takes an object of settings."""
        every = [p.name.lower() for p in (*self.parameters(), *self.built())]
        return any(name in CONFIGS or is_config(name) for name in every)

    @property
    def loads(self) -> bool:
        """Whether it makes its loaders itself, of data that it reads."""
        if self.code.adapter is not None or self.takes(WINDOWS, LOADERS, SPLITS, NEXT, BATCHES):
            return False
        whole = self.code if self.code.owner is None else replace(self.code, target=self.code.owner)
        return bool(MAKES_LOADER.search(reached(whole)))

    @property
    def ends_itself(self) -> bool:
        """Whether it goes on until it has taken as many steps as it is told to."""
        total = self.takes(TOTALS)
        if not total or any(p.name == total and not is_free(p) and p.default is not p.empty for p in self.parameters()):
            return False
        until = rf">=\s*[\w.]*\b{total}\b|\brange\(\s*[\w.]*\b{total}\b|\bwhile\b[^\n]*<=?\s*[\w.]*\b{total}\b"
        return bool(re.search(until, whole_source(self.code)))

    @property
    def one_more(self) -> int:
        """How many steps it takes beyond the total that it is told: 1 where it ends once its count is above that."""
        total = self.takes(TOTALS)
        return int(bool(total) and one_more(whole_source(self.code), total))

    @property
    def draws(self) -> bool:
        """Whether a function of its program draws its batches, all of one length."""
        return any(p.name in NEXT and inspect.isfunction(p.default) for p in self.parameters())

    @property
    def counts_batches(self) -> bool:
        """Whether its total is one of micro-batches: it asks for one after the other, and steps after some."""
        return bool(self.takes(NEXT)) and bool(EVERY.search(whole_source(self.code)))

    @property
    def goes_round(self) -> bool:
        """Whether it takes windows from data that it begins again, as often as it needs to."""
        if self.code.adapter is not None or self.unit is not Unit.RUN or self.takes(EPOCHS):
            return False
        if self.takes(NEXT):
            return self.draws or self.counts_batches
        return self.ends_itself and bool(GOES_ROUND.search(whole_source(self.code)))

    @property
    def accumulates(self) -> bool:
        """Whether it is told of windows of micro-batches."""
        if self.leaves_loss:
            return False
        if self.takes(ACCELERATORS) and self.code.adapter is None and ACCUMULATES.search(source(self.code)):
            return True
        return bool(
            self.engine or self.takes(ACCUMULATIONS, LASTS) or (self.code.adapter is None and self.takes(WINDOWS))
        )

    @property
    def engine(self) -> bool:
        """Whether its model is an engine of DeepSpeed: it takes one, or asks its model for `backward`."""
        if self.code.adapter is not None:
            return False
        return bool(self.takes(engine.ENGINES)) or bool(engine.MODEL_BACKWARD.search(whole_source(self.code)))

    @property
    def teacher(self) -> bool:
        """Whether it takes a teacher, or fetches one."""
        return bool(self.takes(TEACHERS)) or bool(FETCHES.search(whole_source(self.code)))

    @property
    def optimized(self) -> bool:
        """Whether the optimizer that steps is ours."""
        asked = self.code.adapter is None and ASKS_MODEL.search(whole_source(self.code))
        return bool(self.takes(OPTIMIZERS) or asked) or self.engine or self.leaves_steps or self.leaves_loss

    @property
    def leaves_steps(self) -> bool:
        """Whether it only adds gradients, for whoever calls it to step."""
        if self.code.adapter is not None or self.takes(OPTIMIZERS) or self.takes(ACCELERATORS) or self.engine:
            return False
        text = whole_source(self.code)
        return ".backward(" in text and not re.search(r"\.step\(|optim", text)

    @property
    def leaves_loss(self) -> bool:
        """Whether it returns a loss of a batch, for whoever calls it to learn from."""
        if self.code.adapter is not None or self.factory or self.takes(OPTIMIZERS, ACCELERATORS) or self.engine:
            return False
        own = {listed(p.name, KNOWN) for p in self.parameters() if not is_free(p)}
        return (
            bool(own & {*BATCHES})
            and not own & {*WINDOWS, *LOADERS, *SPLITS}
            and not STEPPED.search(with_methods(self.code))
        )

    def parameters(self) -> list[inspect.Parameter]:
        """Return its parameters, without `self`."""
        if self.code.adapter is not None:
            return []
        target: Any = self.code.target
        if isinstance(target, type):
            target = getattr(target, named_method(target))
        every = _signature(self._made() if self.factory else target)
        return every[1:] if every and every[0].name == "self" else every

    @property
    def factory(self) -> bool:
        """Whether it makes a step in place of being one: a function of a model that takes nothing to learn from."""
        return self.code.adapter is None and is_factory(self.code.target)

    def _made(self, values: Mapping[str, Any] | None = None) -> Callable[..., Any]:
        """Return the step that a factory makes. Raises UserError where it makes none."""
        target: Any = self.code.target
        made = target(**self._arguments(_signature(target), values or any_values()))
        if not callable(made):
            raise NeedsAdapterError("it takes neither a batch nor a loader, and makes no step")
        step: Callable[..., Any] = made
        return step

    def built(self) -> list[inspect.Parameter]:
        """Return the parameters of the constructor that is called first, none for a function."""
        if self.factory:
            return _signature(self.code.target)
        of = self.code.target if isinstance(self.code.target, type) else self.code.owner
        if self.code.adapter is not None or of is None or not self._method:
            return []
        made = inspect.getattr_static(of, "__init__")
        return [] if made is object.__init__ else list(inspect.signature(made).parameters.values())[1:]

    @property
    def _method(self) -> bool:
        if isinstance(self.code.target, type):
            return True
        return next(iter(inspect.signature(self.code.target).parameters), "") == "self"

    def ready(self, values: Mapping[str, Any]) -> Callable[..., Any]:
        """Return what is called with further values, by name: a function, or a method of an object that was made."""
        target: Any = self.code.target
        if self.factory:
            step, every = self._made(values), self.parameters()
            return lambda more: step(**self._arguments(every, {**values, **more}))
        if not self._method:
            return self._stepping(
                lambda more: target(**self._arguments(self.parameters(), {**values, **more})), None, values
            )
        of = target if isinstance(target, type) else self.code.owner
        made = itself(of, target, values[MODELS[0]])(**self._arguments(self.built(), {**sizes(of, target), **values}))
        bound = getattr(made, named_method(target)) if isinstance(target, type) else target.__get__(made)
        return self._stepping(
            lambda more: bound(**self._arguments(self.parameters(), {**values, **more})), made, values
        )

    def _stepping(self, called: Callable[..., Any], made: Any, values: Mapping[str, Any]) -> Callable[..., Any]:  # noqa: ANN401
        """The same, followed by a step with the loss that it returns, where it leaves that to its caller."""
        if not self.leaves_loss:
            return called
        student = values[MODELS[0]]
        weights = list(student.parameters()) if made is None else trained(made, student)
        optimizer = torch.optim.SGD(weights, lr=values[RATES[0]])

        def stepped(more: Mapping[str, Any]) -> None:
            optimizer.zero_grad()
            loss_of(called(more)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return stepped

    def _arguments(self, every: list[inspect.Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
        of = self.code.owner or self.code.target
        own = every if self.factory else [*self.parameters(), *self.built()]
        known = told({**PLAIN_SETTINGS, **values}, own, alone=not self.factory and self.loads)
        return arguments(every, values, known, of=of, source=whole_source(self.code), asked=self.asked)
