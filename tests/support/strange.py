"""Someone else's code under judgement, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sad.judge.free import opened
from sad.judge.interface import Interface
from sad.judge.judging import Code, judging
from sad.judge.report import Line
from sad.judge.target import load, owner


def judged(
    file: Path, name: str, interface: str, only: tuple[str, ...] = (), adapter: Any = None
) -> tuple[str, dict[str, Line]]:
    """Return what it was found to be and its lines by name, judged under the name `it`."""
    target = f"{file}:{name}"
    code, what, lines = Code(opened(load(target, [])), owner(target), adapter), "", {}
    for event in judging(code, "it", interface=Interface(interface), only=only):
        what = event.get("what", what)
        if "line" in event:
            lines[event["line"].name] = event["line"]
    return what, lines


def assumed(file: Path, name: str, interface: str) -> tuple[str, list[str]]:
    """Return what it was found to be, and how it was called, in sentences."""
    target = f"{file}:{name}"
    code = Code(opened(load(target, [])), owner(target), None)
    events = judging(code, "it", interface=Interface(interface), only=("can_be_called",))
    return next((event["what"], event["assumed"]) for event in events if "assumed" in event)
