"""Calls someone's loss on one `Given`: puts each parameter's value together from the role that its name has."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from sad.judge.losses import constructor
from sad.judge.losses.configured import member, own_classes, roles_of
from sad.judge.losses.form import Form
from sad.judge.losses.held import opened
from sad.judge.losses.labelled import PAD, absent, as_logits, by_lengths, labelled_roles, marks, padded_by_self
from sad.judge.losses.layers import as_identity, layered
from sad.judge.losses.lists import listed_roles, names_of_lists
from sad.judge.losses.own_gradient import apart, sent_back, with_own_gradient
from sad.judge.losses.program import set_around
from sad.judge.losses.scripted import as_written
from sad.judge.losses.values import Asking, Values
from sad.judge.losses.words import word_for, words_of
from sad.judge.output import loss_of
from sad.judge.parts import trainer_parts
from sad.judge.roles import Reading, Role, Space, read
from sad.judge.stand_in import Asked, NeedsAdapterError, stand_in_self, untold
from sad.judge.texts import text_of
from sad.subjects.divergence import IGNORED, Given


class StoppedError(Exception):
    """The code under judgement tried to end the process."""


@dataclass
class Call:
    """Someone's loss, and how it is called. ``owner`` is the class that a method was taken from."""

    target: Any
    owner: type | None = None
    form: Form = field(default_factory=Form)
    asked: Asked = field(default_factory=Asked)
    picked: str = ""
    built: Reading | None = field(init=False, default=None)
    reading: Reading = field(init=False)
    settings: dict[str, float] = field(default_factory=dict)
    """Settings by name that are held at a number: the weights that a mixture is judged at."""
    roles: dict[str, Role] = field(default_factory=dict)
    """Roles that are other than the names say."""
    about: Any = None
    """What its source and name are those of, where an adapter stands before it."""

    def __post_init__(self) -> None:
        self.target = opened(as_written(self.target))
        self._by_name = not self._is_autograds()
        self.classes: dict[str, type] = {}
        """The classes of the user's own that parameters must be objects of."""
        every = self._parameters()
        if self.built and self.built.unread and (method := constructor.without_it(self.target)):
            self.asked.unmade = self.built.unread
            self.owner, self.target, self.built = self.target, method, None
            every = self._parameters()
        self.asked.configs = constructor.configs_of(self.owner) if self.owner else {}
        self.reading = read(every, known=self._known(every, self.text))
        told = absent(as_logits(self.reading, self.text), self.text)
        self.reading = replace(told, roles={**told.roles, **self.roles})
        self.asked.word = self._word
        if self.reading.has(Role.BATCH):
            by_lengths(self.owner)

    def formed(self, **changes: Any) -> Call:  # noqa: ANN401 - fields of Form
        """Return the same loss, called in another form."""
        settings = changes.pop("settings", self.settings)
        roles = changes.pop("roles", self.roles)
        form = replace(self.form, **changes)
        return Call(self.target, self.owner, form, self.asked, settings=settings, roles=roles)

    def takes(self, *roles: Role) -> bool:
        """Whether it can be given this, as a parameter, to its constructor, or through an attribute that it reads."""
        through = self.built is not None and self.built.has(*roles)
        return self.reading.has(*roles) or through or any(role in roles for role in self.asked.roles.values())

    @property
    def hidden(self) -> bool:
        """Whether it takes hidden states and output weights in place of logits."""
        return self.reading.has(Role.STUDENT_WEIGHT, Role.TEACHER_WEIGHT)

    def may_lack(self, *roles: Role) -> bool:
        """Whether every parameter of these roles that it has may be left out."""
        names = [name for role in roles for name in self.reading.named(role)]
        kept = {p.name for p in self._parameters() if p.default is not inspect.Parameter.empty}
        return bool(names) and kept.issuperset(names)

    def watching(self, kept: list[tuple[str, Tensor, Tensor]]) -> Callable[[Given], Tensor]:
        """Return the call, which puts into ``kept`` what it was given: whose, before and after."""

        def watched(given: Given) -> Tensor:
            values = Values(self._asking(), given)
            pairs = [("student's logits", values.student), ("teacher's logits", values.teacher)]
            if values.own_labels is not None:
                pairs.append(("labels", values.own_labels))
            before = [(whose, tensor.detach().clone(), tensor) for whose, tensor in pairs]
            loss = self._called(values)
            kept.extend(before)
            return loss

        return watched

    def of_single_tokens(self, given: Given) -> Tensor:
        """Call it with the log-probabilities of one token a row, [batch, length], in place of logits."""
        at = given.teacher_logits.argmax(dim=-1, keepdim=True)
        plain = self.formed(student=Space.LOGITS, teacher=Space.LOGITS)
        values = Values(plain._asking(), given)
        for side in ("student", "teacher"):
            setattr(values, side, getattr(values, side).log_softmax(dim=-1).gather(-1, at)[..., 0])
        return plain._called(values)

    def through(self, given: Given, states: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Call a fused loss on hidden states [batch, length, width] and a weight [vocab, width].

        Returns the gradients of both.
        """
        values = Values(self._asking(), given)
        values.student = states.clone().requires_grad_()
        values.weight = weight.clone().requires_grad_()
        mine, theirs = torch.autograd.grad(self._called(values), (values.student, values.weight))
        return mine, theirs

    def value_of(self, role: Role, name: str, given: Given) -> Any:  # noqa: ANN401 - any value
        """Return what a parameter of this role is given in one call."""
        return Values(self._asking(), given).of(role, name)

    def betas(self) -> list[str]:
        """The names of the settings that could be beta."""
        read_from = [self.reading, *([self.built] if self.built else [])]
        names = [name for reading in read_from for name in reading.named(Role.BETA)]
        return list(dict.fromkeys([*names, *(n for n, role in self.asked.roles.items() if role is Role.BETA)]))

    def __call__(self, given: Given) -> Tensor:
        """Return the scalar loss of one call. Raises what the code raises, ``StoppedError`` where that would end us."""
        return self._called(Values(self._asking(), given))

    def defaults(self) -> dict[str, Any]:
        """The defaults of its parameters, and of those of its constructor, by name."""
        every = [*self._parameters(), *(constructor.parameters_made_of(self.target) if self.built else [])]
        return {p.name: p.default for p in every if p.default is not inspect.Parameter.empty}

    def _known(
        self, every: list[inspect.Parameter], text: str, function: Callable[..., Any] | None = None
    ) -> dict[str, Role]:
        """The roles that source and classes of the user's own say of parameters."""
        target, labels = self.target, {}
        if function is None:
            function = constructor.called_of(target) if isinstance(target, type) else target
            function = getattr(function, "__func__", function)
            labels = labelled_roles(every, function)
        classes = own_classes(function, every, text) if function is not None else {}
        self.classes |= classes
        listed = listed_roles(every) if Role.TEACHER not in labels.values() else {}
        return {**labels, **listed, **roles_of(classes, every)}

    @cached_property
    def text(self) -> str:
        """Its source; '' where there is none to read."""
        try:
            return text_of(self.about or self.target)
        except (OSError, TypeError):
            return ""

    def _asking(self) -> Asking:
        words: dict[str, Any] = {name: word for name, word in words_of(self).items() if word is not None}
        words |= {name: member(of) for name, of in self.classes.items() if issubclass(of, Enum)}
        asked = (self.form, self.settings, self.asked, self.defaults(), self.hidden, words, self.classes)
        lists = names_of_lists(self.reading.roles), layered(self.reading.roles, self.text)
        return Asking(*asked, *lists, self.text, self.reading.has(Role.BATCH), self.ignored, self._marks[1])

    @cached_property
    def ignored(self) -> int:
        """The label that its source leaves out, where that is another number than -100 and no setting of its own."""
        if any(role is Role.IGNORE for role in self.reading.roles.values()) or self.built:
            return IGNORED
        return self._marks[0]

    @cached_property
    def _marks(self) -> tuple[int, int]:
        ignored, padding = marks(self.about or self.target, self.target)
        return (PAD, PAD) if ignored == IGNORED and padded_by_self(self.owner) else (ignored, padding)

    def _word(self, name: str) -> str | None:
        try:
            return word_for(name, text_of(self.owner or self.about or self.target))
        except (OSError, TypeError):
            return None

    def _called(self, values: Values) -> Tensor:
        logits, values.student = values.student, apart(values.student, self.text)
        try:
            function = self._callable(values)
            given = self._arguments(values)
            first = list(given.values()) if not self._by_name else []
            if self._by_name and hasattr(function, "__wrapped__"):
                # what stands around it may call its first arguments otherwise
                leading = [name for name in given if self.reading.roles.get(name) in (Role.STUDENT, Role.TEACHER)]
                if list(given)[: len(leading)] == leading:
                    first = [given.pop(name) for name in leading]
            with set_around(self.target, self.owner, values):
                returned = function(*first, **(given if self._by_name else {}))
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            raise StoppedError(f"it raises {type(error).__name__}, which would end the program") from None
        sides = [one for name, one in given.items() if self.reading.roles.get(name) is Role.STUDENT]
        if (own := with_own_gradient(returned, [*sides, *first])) is not None:
            self.picked = "a value with the gradient that is returned beside it"
            return own
        loss, self.picked = loss_of(returned)
        return sent_back(loss, logits, values.student)

    def _is_autograds(self) -> bool:
        """Whether it is a function of torch's autograd, whose arguments have places alone."""
        return isinstance(self.target, type) and issubclass(self.target, torch.autograd.Function)

    def _parameters(self) -> list[inspect.Parameter]:
        target = self.target
        if self._is_autograds():
            every = list(inspect.signature(target.forward).parameters.values())
            return [p for p in every if p.name not in ("ctx", "cls")]
        if isinstance(target, type):
            if self.built is None:
                made = constructor.parameters_made_of(target)
                of = inspect.getattr_static(target, "__init__")
                told = constructor.kept_roles(made, self.text) | self._known(made, self.text, of)
                self.built = read(made, settings_only=True, known=told)
            method = constructor.called_of(target)
            if method is None:
                raise NeedsAdapterError(f"objects of {target.__name__} are not called{constructor.methods_of(target)}")
            return list(inspect.signature(method).parameters.values())[1:]
        if isinstance(target, nn.Module):
            return list(inspect.signature(target.forward).parameters.values())
        if isinstance(target, classmethod):
            return list(inspect.signature(target.__func__).parameters.values())[1:]
        try:
            every = list(inspect.signature(target).parameters.values())
        except (TypeError, ValueError):
            raise NeedsAdapterError(f"{getattr(target, '__name__', target)} has no signature to read") from None
        return every[1:] if self._bound(every) else every

    def _bound(self, every: list[inspect.Parameter]) -> bool:
        """Whether a function is a method whose `self` must be given."""
        return self.owner is not None and bool(every) and every[0].name in ("self", "cls")

    def _callable(self, values: Values) -> Callable[..., Any]:
        target = self.target
        if self._is_autograds():
            return target.apply  # type: ignore[no-any-return]
        if isinstance(target, type):
            assert self.built is not None
            if self.built.unread:
                raise untold(*self.built.unread, *self.reading.unread, of=f"{target.__name__}()")
            return self._built(target, self.built, values)
        if isinstance(target, classmethod):
            return target.__get__(None, self.owner)
        if not inspect.isclass(target) and self.owner is not None:
            every = list(inspect.signature(target).parameters.values())
            if self._bound(every):
                parts = trainer_parts(values.teacher_model, values.model) | dict(constructor.kept_losses(self.owner))
                parts |= constructor.logits_kept(self.text, values.on_self(Role.STUDENT), values.on_self(Role.TEACHER))
                constants = constructor.constants_of(self.owner)
                first = stand_in_self(self.owner, values.settings, self.asked, parts, constants)
                return lambda *args, **named: target(first, *args, **named)
        return target  # type: ignore[no-any-return]

    def _built(self, target: Any, reading: Reading, values: Values) -> Callable[..., Any]:  # noqa: ANN401 - a class
        """Return an object of a class; with its own weights where it does not take ours: they may have to add up."""
        given = {n: values.of(r, n) for n, r in reading.roles.items() if not values.left(r, n)}
        try:
            built: Callable[..., Any] = target(**given)
        except (AssertionError, ValueError):
            kept = self.defaults()
            given = {n: v for n, v in given.items() if reading.roles[n] is not Role.BETA or n not in kept}
            built = target(**given)
        self.asked.linear = as_identity(built, values.student.dtype)
        return built

    def _arguments(self, values: Values) -> dict[str, Any]:
        if self.reading.unread:
            of = f"{self.owner.__name__}()" if self.owner and self.asked.unmade else ""
            raise untold(*self.asked.unmade, *self.reading.unread, of=of)
        roles = self.reading.roles
        if not self._by_name:
            return {name: values.positional(role, name) for name, role in roles.items()}
        positional_only = {p.name for p in self._parameters() if p.kind is inspect.Parameter.POSITIONAL_ONLY}
        if positional_only:
            self._by_name = False
            return {name: values.of(role, name) for name, role in roles.items() if name in positional_only}
        return {name: values.of(role, name) for name, role in roles.items() if not values.left(role, name)}
