"""`--adapter file.py`: says how a loss is called, where names do not tell.

The file has a function ``loss(given) -> Tensor``, or ``loss(given, target)``, where ``target`` is what `--loss` names;
or a ``divergence`` (`sad.subjects.divergence.Divergence`). With ``contract`` beside ``loss`` the claim is stated too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NoReturn

from torch import Tensor

from sad.errors import UserError
from sad.judge.losses.call import Call
from sad.judge.losses.form import Form
from sad.judge.output import loss_of
from sad.judge.roles import Reading, Role, Space
from sad.judge.target import load
from sad.subjects.divergence import Contract, Divergence, Given

READ = {"labels": Role.LABELS, "temperature": Role.TEMPERATURE, "beta": Role.BETA, "count": Role.COUNT}


class Watched(Given):
    """A call that writes down what is read of it."""

    __slots__ = ("seen",)

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - a field
        if name in READ:
            object.__getattribute__(self, "seen").add(name)
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"given has no {name}, it has {', '.join(field.name for field in fields(Given))}")


@dataclass
class Adapted(Call):
    """A loss that takes a `Given` itself. What it takes is what it reads."""

    def __post_init__(self) -> None:
        self.reading = Reading({}, {Role.STUDENT: Space.LOGITS, Role.TEACHER: Space.LOGITS}, ordered=True)
        self.seen: set[str] = set()

    def formed(self, **changes: Any) -> Call:  # noqa: ANN401 - fields of Form
        """Return the same loss; only the factor on the logits and the settings are taken over."""
        kept = {name: value for name, value in changes.items() if name in ("temperature", "beta")}
        made = Adapted(self.target, self.owner, replace(self.form, **kept))
        made.seen, made.about = self.seen, self.about
        return made

    def takes(self, *roles: Role) -> bool:
        """Whether it has read this."""
        return any(READ[name] in roles for name in self.seen)

    @property
    def hidden(self) -> bool:
        """It takes logits."""
        return False

    def may_lack(self, *_: Role) -> bool:
        """An adapter is given labels, or none, as it is."""
        return False

    def watching(self, kept: list[tuple[str, Tensor, Tensor]]) -> Callable[[Given], Tensor]:
        """Return the call, which puts into ``kept`` whose logits they were, before and after."""

        def watched(given: Given) -> Tensor:
            student, teacher = given.student_logits * 1, given.teacher_logits * 1
            kept.extend(
                [("student", student.detach().clone(), student), ("teacher", teacher.detach().clone(), teacher)]
            )
            return loss_of(self.target(replace(given, student_logits=student, teacher_logits=teacher)))[0]

        return watched

    def betas(self) -> list[str]:
        """Beta, where it was read."""
        return ["beta"] if "beta" in self.seen else []

    def __call__(self, given: Given) -> Tensor:
        """Return the scalar loss of one call."""
        t = self.form.temperature
        student, teacher = given.student_logits * t, given.teacher_logits * t
        watched = Watched(student, teacher, given.labels, given.temperature, given.beta, given.count)
        object.__setattr__(watched, "seen", self.seen)
        loss, self.picked = loss_of(self.target(watched))
        return loss


def adapted(file: str, target: str | None) -> Divergence | Call:
    """Return what an adapter's file defines. Raises UserError if it defines neither ``loss`` nor ``divergence``."""
    try:
        made = load(f"{file}:divergence")
    except UserError:
        made = None
    if isinstance(made, Divergence):
        return made
    try:
        function: Callable[..., Any] = load(f"{file}:loss")
    except UserError as error:
        if "has no loss" not in str(error):
            raise
        raise UserError(f"--adapter {file}: define loss(given) -> Tensor or divergence = Divergence(...)") from None
    if len(inspect.signature(function).parameters) > 1:
        if target is None:
            raise UserError(f"--adapter {file}: its loss(given, target) needs --loss")
        given_to, whole = load(target), function
        function = lambda given: whole(given, given_to)  # noqa: E731 - the adapter's, closed over its target
    call = adapt(function)
    if target is not None:
        call.about = load(target)
    try:
        contract = load(f"{file}:contract")
    except UserError:
        return call
    return Divergence(contract, call) if isinstance(contract, Contract) else call


def adapt(function: Callable[[Given], Any]) -> Adapted:
    """Return a function of a `Given` as something to judge; it is called once to see what it reads."""
    from sad.judge.losses.sample import given, sample

    call = Adapted(function, None, Form())
    try:
        sample(call, given(0, count=True))
    except Exception:
        # what it raises is told when it is judged
        call.seen |= {"labels"}
    return call
