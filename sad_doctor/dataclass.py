"""Dataclasses as those of the standard library, made in a fourth of the time: a start makes dozens of them.

The standard library compiles each method of each class anew, six for a frozen one. Here only ``__init__`` is compiled;
the others are written once and look the fields up. What they do is the same, to the letter of ``repr``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, field
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "field"]

if TYPE_CHECKING:
    from dataclasses import dataclass

    from _typeshed import DataclassInstance
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, eq: bool = True, weakref_slot: bool = False
    ) -> Callable[[type], type]:
        """Return a decorator that makes a dataclass."""

        def made(given: type) -> type:
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, weakref_slot=weakref_slot)(given)
            fields = dataclasses.fields(cls)
            # a class without a method of its own has that of `object`; its own stays
            methods: dict[str, Any] = {"__init__": _init(cls, fields, frozen), "__repr__": _repr}
            if eq:
                methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
            if frozen:
                methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
                methods |= {"__getstate__": _state, "__setstate__": _restore}
            for name, method in methods.items():
                if name not in given.__dict__:
                    setattr(cls, name, method)
            return cls

        return made


def _init(cls: type, fields: tuple[dataclasses.Field[Any], ...], frozen: bool) -> Callable[..., None]:
    """Compile ``__init__``: the arguments in the order of the fields, a value that is made anew where none is given."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    arguments, lines = ["self"], []
    for one in fields:
        name = value = one.name
        if one.default_factory is not MISSING:
            known[f"_make_{name}"] = one.default_factory
            arguments.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            arguments.append(f"{name}=_default_{name}")
        else:
            arguments.append(name)
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    made: dict[str, Any] = {}
    exec(f"def __init__({', '.join(arguments)}):\n" + "\n".join(lines or [" pass"]), known, made)
    method: Callable[..., None] = made["__init__"]
    method.__qualname__, method.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    method.__annotations__ = {one.name: one.type for one in fields} | {"return": None}
    return method


def _values(one: DataclassInstance) -> tuple[object, ...]:
    return tuple([getattr(one, name) for name in one.__dataclass_fields__])


def _repr(self: DataclassInstance) -> str:
    told = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
    return f"{type(self).__qualname__}({told})"


def _eq(self: DataclassInstance, other: object) -> object:
    return _values(self) == _values(other) if type(self) is type(other) else NotImplemented


def _hash(self: DataclassInstance) -> int:
    return hash(_values(self))


def _refuse_to_set(_: object, name: str, value: object) -> None:  # noqa: ARG001
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: DataclassInstance) -> list[object]:
    return list(_values(self))


def _restore(self: DataclassInstance, state: list[object]) -> None:
    for name, value in zip(self.__dataclass_fields__, state, strict=True):
        object.__setattr__(self, name, value)
