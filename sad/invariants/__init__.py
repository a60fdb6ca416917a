"""One file a property that any right implementation has. Each takes an implementation and returns a verdict.

They run on the bugs of the catalogue (where they must break) and on the code that trains (where they must hold).
"""

from __future__ import annotations

from importlib import import_module


def __getattr__(name: str) -> object:
    """``check`` judges anyone's loss (`sad.judge.check`); looked up late: the judge is built on this package."""
    if name == "check":
        return import_module("sad.judge.check").check
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), "check"})
