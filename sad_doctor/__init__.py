"""Reads the log of a training run, judges it, shows it. Imports neither torch nor `sad`.

>>> import sad_doctor
>>> run = sad_doctor.read("runs/latest")               # doctest: +SKIP
>>> for story in sad_doctor.check(run).stories:         # doctest: +SKIP
...     print(story.finding.headline)

The public names are loaded at their first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sad_doctor.check import check
    from sad_doctor.finding import Finding, Report
    from sad_doctor.readers import open_log, read
    from sad_doctor.record import Recorder
    from sad_doctor.rule import Rule
    from sad_doctor.rules import RULES
    from sad_doctor.run import Column, Run

__all__ = ["RULES", "Column", "Finding", "Recorder", "Report", "Rule", "Run", "check", "open_log", "read"]

_HOMES = {
    "RULES": "sad_doctor.rules",
    "Column": "sad_doctor.run",
    "Finding": "sad_doctor.finding",
    "Recorder": "sad_doctor.record",
    "Report": "sad_doctor.finding",
    "Rule": "sad_doctor.rule",
    "Run": "sad_doctor.run",
    "check": "sad_doctor.check",
    "open_log": "sad_doctor.readers",
    "read": "sad_doctor.readers",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps ``sad_doctor.check`` the function: importing the module ``check`` would put the module in its place."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "check" and isinstance(value, ModuleType):
            value = value.check
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
