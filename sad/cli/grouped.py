"""Options that belong together are one data class: a command takes it as one parameter, and typer sees its fields."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints


@dataclasses.dataclass(frozen=True)
class Group:
    """Base of a data class whose fields are options, declared as parameters are: ``Annotated[type, option] = default``.

    An option that may be given again is a list, or None.
    """

    @property
    def given(self) -> dict[str, Any]:
        """The options that say something else than their defaults, by name."""
        told = {one.name: (getattr(self, one.name), one.default) for one in dataclasses.fields(self)}
        return {name: value for name, (value, default) in told.items() if value != default and value != []}


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the fields of each group, in their order, in place of the group."""
    asked = inspect.signature(command, eval_str=True).parameters.values()
    groups = {one.name: one.annotation for one in asked if _is_group(one.annotation)}
    every = [option for one in asked for option in (_options(one.annotation) if one.name in groups else [one])]
    flat = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in every]

    @functools.wraps(command)
    def taken(**options: Any) -> None:  # noqa: ANN401 - what typer passes
        made = {
            name: group(**{one.name: options.pop(one.name) for one in dataclasses.fields(group)})
            for name, group in groups.items()
        }
        command(**options, **made)

    taken.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    return taken


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Group)


def _options(group: type[Any]) -> list[inspect.Parameter]:
    types, kind = get_type_hints(group, include_extras=True), inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [
        inspect.Parameter(one.name, kind, default=one.default, annotation=types[one.name])
        for one in dataclasses.fields(group)
    ]
