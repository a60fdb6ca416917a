"""Stands for what the name of a parameter or a setting does not tell: off, and nothing can be computed with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn

from sad.judge import told
from sad.judge.stand_in import NeedsAdapterError

QUIET = {
    *("log", "info", "debug", "warning", "warn", "error", "print", "write", "log_metrics", "log_dict", "add_scalar"),
    *("save_pretrained", "save_model", "save_state", "save_checkpoint", "push_to_hub"),
    *("add_scalars", "update", "set_postfix", "set_description", "close", "flush", "watch", "report", "barrier"),
}
"""Methods that change no number: what only writes down calls them."""
WRITES = re.compile(r"(\w+_)?(logger|monitor|profiler|checkpointer|tracker|writer|saver|recorder)s?")
"""The name of what writes down or saves, whatever its methods are called."""
MOST = 1000
"""How often whether something is true may be asked before that is what a loop waits for."""
COMPUTES = (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv", "mod", "rmod"),
    *("pow", "rpow", "matmul", "rmatmul", "neg", "abs", "lt", "le", "gt", "ge", "int", "float", "index", "len", "iter"),
    *("setitem", "fspath", "round", "and", "rand", "or", "ror"),
)


class Unknown:
    """Something whose meaning is not known. It is false and equal to nothing, and can be written down and passed on.

    Computing with it, going through it or calling it raises ``NeedsAdapterError``.
    """

    names: ClassVar[dict[str, str]] = {}
    """Of all that were made, each with the name of the parameter or setting that it is a part of."""
    decided: ClassVar[dict[str, int] | None] = None
    """How often each was asked whether it is true, while `deciding`."""

    def __init__(self, name: str, of: str = "", *, answers: bool = False) -> None:
        self.__dict__ |= {"_name": name, "_of": of or name.rpartition(".")[2], "_answers": answers}
        Unknown.names[name] = self.__dict__["_of"]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - what is told, else what is unknown too
        if name.startswith("__"):
            raise AttributeError(name)
        if (value := told.value_of(name)) is not told.ABSENT:
            return value
        return Unknown(f"{self.__dict__['_name']}.{name}", self.__dict__["_of"], answers=self.__dict__["_answers"])

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - what an attribute of that name is
        return getattr(self, key) if isinstance(key, str) else self._refuse()

    def __call__(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - nothing, or what is unknown too
        """Write nothing down; raise where it is called for anything else."""
        if self.__dict__["_name"].rpartition(".")[2] in QUIET:
            return None
        # what it answers is no writer: a loss that went through it is called for its gradient
        return Unknown(self.__dict__["_name"], self.__dict__["_of"], answers=True) if self._writes() else self._refuse()

    def __enter__(self) -> Any:  # noqa: ANN401 - itself
        """Measure nothing, as the span of a tracker; raise for anything else."""
        return self if WRITES.fullmatch(self.__dict__["_of"]) else self._refuse()

    def __exit__(self, *_: object) -> None:
        """Go on with what was raised."""

    def __bool__(self) -> bool:
        if Unknown.decided is not None:
            asked = Unknown.decided[str(self)] = Unknown.decided.get(str(self), 0) + 1
            if asked > MOST:
                self._refuse()
        return False

    def _writes(self) -> bool:
        return bool(WRITES.fullmatch(self.__dict__["_of"])) and not self.__dict__["_answers"]

    def __contains__(self, _: object) -> bool:
        """Have nothing in it, as it is equal to nothing."""
        return False

    def __str__(self) -> str:
        return str(self.__dict__["_name"])

    def __repr__(self) -> str:
        """Be its name in what an error says, as of a key that a table has not."""
        return str(self)

    def __format__(self, _: str) -> str:
        return str(self)

    def _refuse(self) -> NoReturn:
        raise unknown(str(self))


@contextmanager
def deciding() -> Iterator[dict[str, int]]:
    """Give how often each of what is unknown is asked whether it is true; raise where a loop waits for one to be."""
    before, Unknown.decided = Unknown.decided, {}
    try:
        yield Unknown.decided
    finally:
        Unknown.decided = before


def unknown(name: str) -> NeedsAdapterError:
    """Return what is said of something unknown, by its name."""
    told = [Unknown.names[name]] if name in Unknown.names else []
    return NeedsAdapterError(f"what {name} should be cannot be told from the name", *told)


def _refusing() -> Callable[..., NoReturn]:
    def refuse(self: Unknown, *_: Any) -> NoReturn:  # noqa: ANN401 - whatever it is computed with
        self._refuse()

    return refuse


for _one in COMPUTES:
    setattr(Unknown, f"__{_one}__", _refusing())


def spoken(said: str) -> str:
    """Return the name of something unknown that a message speaks of, or that it is an object of this class; else ''."""
    return next((name for name in sorted(Unknown.names, key=len, reverse=True) if _in(name, said)), "")


def guessed(said: str) -> list[str]:
    """Return the parameter or setting that can be told where a message speaks of something unknown, none else."""
    return [Unknown.names[name]] if (name := spoken(said)) else []


def _in(name: str, said: str) -> bool:
    return ("." in name or "_" in name) and re.search(rf"(?<![\w.]){re.escape(name)}(?![\w])", said) is not None
