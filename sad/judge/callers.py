"""Who asks a stand-in: a program, for which it answers, or a library, which gets what there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

LIBRARIES = ("site-packages", "dist-packages", str(Path(argparse.__file__).parent))


def installed(file: str) -> bool:
    """Whether a file is one of Python or of a package."""
    return any(part in file for part in LIBRARIES)


def asking(*through: str) -> FrameType | None:
    """Return the function of a program that asks, also ``through`` files that do so for it; None where a library asks.

    It is called by what is asked.
    """
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.endswith(("argparse.py", "pathlib.py", *through)):
        frame = frame.f_back
    return None if installed(frame.f_code.co_filename) else frame


def modules() -> Iterator[ModuleType]:
    """Go through the modules of the program."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and not installed(file) and not module.__name__.startswith("sad."):
            yield module


def bound(home: str, stands: Mapping[str, Any]) -> Iterator[tuple[Any, str, Any]]:
    """Go through where functions of a module are named: there, and wherever a program imported them by name."""
    module = sys.modules.get(home)
    for name, stand in stands.items():
        real = getattr(module, name, None)
        for place in [module, *modules()] if real is not None else ():
            yield from ((place, key, stand) for key, value in list(vars(place).items()) if value is real)
