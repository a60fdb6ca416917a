"""Calls someone's evaluator: puts each parameter's value together from its name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sad.judge.choices import chosen
from sad.judge.declared import declared
from sad.judge.evaluators.batches import FORMS, PAD, Each, Form, Rows, loader, rows_of
from sad.judge.evaluators.classes import CLASSES, Classifier, Last, examples
from sad.judge.evaluators.library import evaluated
from sad.judge.evaluators.model import Recaller
from sad.judge.evaluators.names import (
    CALLED,
    DATA,
    LABELS,
    LIMITS,
    LOADED,
    LOADERS,
    LOGITS,
    MODELS,
    NAMED,
    PAIRS,
    READ,
    READS,
    TEACHERS,
)
from sad.judge.evaluators.numbers import numbers
from sad.judge.evaluators.settings import SETTINGS, Pair
from sad.judge.evaluators.texts import SIZES, TEXTS, TOKENIZERS, flat, size, tokenizer
from sad.judge.fetched import fetched
from sad.judge.free import is_free
from sad.judge.judging import Code, reached, source
from sad.judge.own_loaders import Data, own_loaders
from sad.judge.reading import reading
from sad.judge.records import worded
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.steps.library import Library, is_trainer
from sad.judge.steps.model import Bare
from sad.judge.steps.names import NEXT
from sad.judge.steps.roles import is_config, is_teacher
from sad.judge.steps.settings import CONFIGS, Settings, plain
from sad.judge.steps.words import Words
from sad.judge.unknown import Unknown
from sad.subjects.metric import Scored
from sad.subjects.text_loss import IGNORED


@dataclass(frozen=True, slots=True)
class Given:
    """What an adapter gets: the student, a teacher, batches (dicts with input_ids, attention_mask and labels)."""

    model: nn.Module
    teacher: nn.Module
    batches: Any


@dataclass(frozen=True, slots=True)
class Call:
    """An evaluator, and how it is called."""

    code: Code
    form: Form = FORMS[0]
    firsts: bool = False
    """The first token of a text has a label too, which nothing predicts."""

    def __call__(self, batches: Sequence[Scored]) -> dict[str, float]:
        """Evaluate the student on some batches, in evaluation mode. Raises whatever the code raises."""
        model, teacher, rows = self.readied(batches)
        return numbers(self.of(model.eval(), teacher, rows))

    def readied(self, batches: Sequence[Scored]) -> tuple[Recaller | Classifier, Recaller | Classifier, list[Rows]]:
        """Return a student and a teacher that know the batches' logits, and the batches in ids."""
        if self.form in CLASSES:
            return examples(batches)
        made = [rows_of(one, bare=self.form.bare, firsts=self.firsts) for one in batches]
        student = [text for _, known, _ in made for text in known]
        teacher = [text for _, _, known in made for text in known]
        return Recaller(student), Recaller(teacher).eval().requires_grad_(False), [rows for rows, *_ in made]

    def of(self, model: nn.Module, teacher: nn.Module, rows: Sequence[Rows]) -> Any:  # noqa: ANN401 - what it returns
        """Evaluate a model as it is."""
        if self.code.adapter is not None:
            return self._adapted(model, teacher, rows)
        if self.trainer:
            return evaluated(Library(self.code), model, rows)
        return self.called(self._values(model, teacher, rows))

    def called(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what it returns
        """Call it with values by the names of its parameters."""
        student, teacher = values.get(MODELS[0]), values.get(TEACHERS[0])
        with (
            own_loaders(values.get(DATA, ())),
            reading(
                values.get(READS, ()), lambda name, declares: Settings(name, plain({**SETTINGS, **values}), declares)
            ),
            fetched(student, teacher, values.get(TOKENIZERS[0], Words()), is_teacher),
        ):
            return self._function(values)(**self._arguments(_parameters(self.code.target), values))

    def names(self, *, free: bool = False) -> set[str]:
        """Return the names of its parameters, none for an adapter or a trainer; ``free``: and its lacking globals."""
        if self.code.adapter is not None or self.trainer:
            return set()
        return {p.name.lower() for p in _parameters(self.code.target) if free or not is_free(p)}

    @property
    def name(self) -> str:
        """Its own name, in lower case."""
        return str(getattr(self.code.target, "__qualname__", "")).lower()

    @property
    def keeps(self) -> bool:
        """Whether it is an object that is made without the model and its texts, and may remember those of before."""
        made = self.code.target if isinstance(self.code.target, type) else self.code.owner
        if self.code.adapter is not None or self.trainer or made is None:
            return False
        return not {p.name.lower() for p in _own(made)} & {*MODELS, *TEACHERS, *LOADERS}

    def after(self, before: Sequence[Scored], batches: Sequence[Scored]) -> dict[str, float]:
        """Evaluate batches with an object that evaluated others before."""
        function: Callable[..., Any] | None = None
        for some in (before, batches):
            model, teacher, rows = self.readied(some)
            values = self._values(model.eval(), teacher, rows)
            function = function or self._function(values)
            with own_loaders(values.get(DATA, ())):
                returned = function(**self._arguments(_parameters(self.code.target), values))
        return numbers(returned)

    def _values(self, model: nn.Module, teacher: nn.Module, rows: Sequence[Rows]) -> Mapping[str, Any]:
        if self.metric:
            return self._scored(model, rows)
        if self.form.alone:
            model, teacher = Bare(model), Bare(teacher)
        if self.form.last:
            model, teacher = Last(model), Last(teacher)
        given = flat(self.form, rows) if self.form.flat else loader(self.form, rows)
        return {
            **dict.fromkeys(MODELS, model),
            **dict.fromkeys(TEACHERS, teacher),
            **dict.fromkeys((*LOADERS, *TEXTS), given),
            **dict.fromkeys(NEXT, Each([self.form.make(one) for one in rows])),
            # examples one by one are batched by the evaluator
            DATA: [] if self.form.flat else [Data(given, [self.form.make(one) for one in rows])],
            READS: [worded(ids, mask) for one in rows for ids, mask in zip(one.ids, one.mask, strict=True)],
            **(dict.fromkeys(TOKENIZERS, tokenizer()) if self.texts or self.reads else {}),
            **(dict.fromkeys(SIZES, size(rows)) if self.form.flat else {}),
            **dict.fromkeys(LIMITS, len(rows)),
        }

    @property
    def reads(self) -> bool:
        """Whether it reads data itself, and is given none."""
        if self.code.adapter is not None or self.trainer or self.names(free=True) & {*LOADERS, *TEXTS, *LABELS, *NEXT}:
            return False
        return bool(READ.search(reached(self.code)))

    @property
    def draws(self) -> bool:
        """Whether a function of its program draws its batches, all of one size and length."""
        return bool(self.names() & {*NEXT}) and any(
            p.name in NEXT and inspect.isfunction(p.default) for p in _parameters(self.code.target)
        )

    @property
    def texts(self) -> bool:
        """Whether it takes a tokenizer, or texts."""
        return bool(self.names() & {*TEXTS} or self.names(free=True) & {*TOKENIZERS})

    @property
    def trainer(self) -> bool:
        """Whether it is a trainer of transformers, or a method of one."""
        return self.code.adapter is None and is_trainer(self.code)

    @property
    def metric(self) -> bool:
        """Whether it takes logits and labels, or both in one object, in place of a model."""
        if self.code.adapter is not None or self.trainer:
            return False
        names = [p.name for p in _parameters(self.code.target)]
        return any(n in PAIRS for n in names) or (
            any(n in LOGITS for n in names) and any(n in LABELS for n in names) and not any(n in MODELS for n in names)
        )

    @property
    def teacher(self) -> bool:
        """Whether it asks a teacher."""
        if self.code.adapter is not None or self.trainer:
            return False
        return any(p.name in TEACHERS for p in _parameters(self.code.target))

    def _scored(self, model: nn.Module, rows: Sequence[Rows]) -> Mapping[str, Any]:
        """All batches at once, padded together, as a trainer hands them over; plain functions get tensors."""
        longest = max(one.ids.shape[1] for one in rows)
        with torch.no_grad():
            every = [model(one.ids).logits for one in rows]
        told = [one.labels for one in rows]
        labels = torch.cat([one if one.ndim == 1 else _wide(one, longest, IGNORED) for one in told])
        logits = torch.cat([one if one.ndim == 2 else _wide(one, longest, 0.0) for one in every])
        # a trainer may hand over what its preprocess_logits_for_metrics made of logits: the likeliest tokens
        logits = logits.argmax(dim=-1) if self.form.alone else logits
        if self.form.next:
            logits, labels = logits[:, :-1], labels[:, 1:]
        more = {}
        if self.form.filled:
            labels, more = labels.where(labels != IGNORED, PAD), {"ignore_index": PAD}
        pair = Pair(logits.numpy(), labels.numpy())
        return {
            **dict.fromkeys(LOGITS, logits),
            **dict.fromkeys(LABELS, labels),
            **dict.fromkeys(PAIRS, pair),
            **more,
        }

    def _function(self, values: Mapping[str, Any]) -> Callable[..., Any]:
        target, own = self.code.target, self.code.owner
        if isinstance(target, type):
            made = target(**self._arguments(_own(target), values))
            name = next(name for name in ("__call__", *CALLED) if name in vars(target))
            return getattr(made, name)  # type: ignore[no-any-return]
        if own is not None and _is_method(target):
            return target.__get__(own(**self._arguments(_own(own), values)))  # type: ignore[no-any-return]
        return target  # type: ignore[no-any-return]

    def _arguments(self, every: Sequence[inspect.Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for parameter in every:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            name = parameter.name.lower()
            known = {**SETTINGS, **values}
            needed = is_free(parameter) or parameter.default is parameter.empty
            if name in known and (needed or name not in LIMITS or self.names() & {*NEXT}):
                found[parameter.name] = known[name]
            elif (name in CONFIGS or is_config(name)) and needed:
                declares = declared(parameter, self.code.owner or self.code.target)
                found[parameter.name] = Settings(parameter.name, known, declares)
            elif needed and (word := chosen(source(self.code), parameter.name)) is not None:
                found[parameter.name] = word
            elif needed and self.reads and name in NAMED:
                found[parameter.name] = NAMED[name]
            elif needed and "loader" in known and (LOADED.search(name) or self._goes_through(parameter.name)):
                # of whatever split: whose texts are scored
                found[parameter.name] = known["loader"]
            elif needed:  # what only logs asks no more of it than to be off
                found[parameter.name] = Unknown(parameter.name)
        return found

    def _goes_through(self, name: str) -> bool:
        """Whether it goes through what a parameter is given, one by one."""
        return bool(re.search(rf"\bfor [^\n]*\bin [\w.(]*\b{re.escape(name)}\b", source(self.code)))

    def _adapted(self, model: nn.Module, teacher: nn.Module, rows: Sequence[Rows]) -> Any:  # noqa: ANN401
        function = self.code.adapter
        assert function is not None, "called with an adapter"
        given = Given(model, teacher, loader(self.form, rows))
        if len(_parameters(function)) < 2:
            return function(given)
        if self.code.target is None:
            raise NeedsAdapterError("the adapter's evaluate(given, target) needs --evaluator")
        return function(given, self.code.target)


def _wide(of: torch.Tensor, length: int, fill: float) -> torch.Tensor:
    more = list(of.shape)
    more[1] = length - of.shape[1]
    return torch.cat([of, of.new_full(more, fill)], dim=1)


def _parameters(target: Any) -> list[inspect.Parameter]:  # noqa: ANN401 - anything that is called
    if isinstance(target, type):
        called = next((vars(target)[name] for name in ("__call__", *CALLED) if name in vars(target)), None)
        if called is None:
            raise NeedsAdapterError(
                f"objects of {target.__name__} are not called; name a method: :{target.__name__}.name"
            )
        target = called
    try:
        every = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        raise NeedsAdapterError(f"{getattr(target, '__name__', target)} has no signature to read") from None
    return every[1:] if every and every[0].name == "self" else every


def _own(target: type) -> list[inspect.Parameter]:
    made = inspect.getattr_static(target, "__init__")
    return [] if made is object.__init__ else list(inspect.signature(made).parameters.values())[1:]


def _is_method(target: Any) -> bool:  # noqa: ANN401
    every = list(inspect.signature(target).parameters)
    return bool(every) and every[0] == "self"
