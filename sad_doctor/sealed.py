"""Data classes that are frozen and have slots, made at a fifth of the cost.

A data class has the text of six methods compiled for it, which was a sixth of the time in which the doctor's modules
are loaded. Here the constructor alone is compiled; the other methods are the same functions for all classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, ClassVar, NoReturn, Protocol, TypeVar, cast, dataclass_transform, overload

Kind = TypeVar("Kind")


class _Made(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    _compared: ClassVar[Callable[[object], object]]


@overload
def sealed(kind: type[Kind], /) -> type[Kind]: ...
@overload
def sealed(*, eq: bool = True) -> Callable[[type[Kind]], type[Kind]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def sealed(kind: type[Kind] | None = None, /, *, eq: bool = True) -> type[Kind] | Callable[[type[Kind]], type[Kind]]:
    """Make a class what ``dataclass(frozen=True, slots=True)`` makes it; with ``eq=False`` one equals itself alone, and
    may be remembered by a weak reference.
    """
    if kind is None:
        return lambda kind: _made(kind, eq)
    return _made(kind, eq)


def _made(kind: type[Kind], eq: bool) -> type[Kind]:
    methods: dict[str, object] = {"__repr__": _repr, "__setattr__": _refuse, "__delattr__": _refuse}
    methods |= {"__getstate__": _state, "__setstate__": _restore}
    if eq:
        methods |= {"__eq__": _equal, "__hash__": _hash}
    own = {name: method for name, method in methods.items() if name not in vars(kind)}
    made = dataclass(init=False, repr=False, eq=False, slots=True, weakref_slot=not eq)(kind)
    told = fields(cast(type[_Made], made))
    own |= {"_compared": attrgetter(*(one.name for one in told if one.compare)), "__init__": _constructor(made, told)}
    for name, method in own.items():
        setattr(made, name, method)
    return made


def _constructor(kind: type[object], told: tuple[Field[Any], ...]) -> object:
    known: dict[str, object] = {"put": object.__setattr__, "MISSING": MISSING}
    takes, body = ["self"], []
    for one in told:
        name, given = one.name, one.name
        if one.default_factory is not MISSING:
            known[f"make_{name}"] = one.default_factory
            takes.append(f"{name}=MISSING")
            given = f"make_{name}() if {name} is MISSING else {name}"
        elif one.default is not MISSING:
            known[f"else_{name}"] = one.default
            takes.append(f"{name}=else_{name}")
        else:
            takes.append(name)
        body.append(f" put(self, {name!r}, {given})")
    if hasattr(kind, "__post_init__"):
        body.append(" self.__post_init__()")
    exec(f"def __init__({', '.join(takes)}):\n" + "\n".join(body), known)
    made = known["__init__"]
    made.__qualname__ = f"{kind.__qualname__}.__init__"  # type: ignore[attr-defined]
    return made


def _repr(self: _Made) -> str:
    told = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({told})"


def _equal(self: _Made, other: object) -> object:
    if type(other) is not type(self):
        return NotImplemented
    compared = type(self)._compared
    return compared(self) == compared(other)


def _hash(self: _Made) -> int:
    return hash(type(self)._compared(self))


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenInstanceError(f"{type(self).__name__} is frozen: {name} stays what it is")


def _state(self: _Made) -> list[object]:
    return [getattr(self, one.name) for one in fields(self)]


def _restore(self: _Made, state: list[object]) -> None:
    for one, told in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, told)
