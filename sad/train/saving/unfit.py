"""Why a checkpoint does not fit a run, in a line without words that only a programmer of Python knows."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError

from sad_doctor.sanitize import sanitize

_PYTHON = ("could not convert", "invalid literal", "to unpack", "cannot convert", "exceeds the limit")
"""Parts of Python's own messages, which mean nothing to a user."""
OTHER_FORM = "one of its files has another form than this release writes"


def reason(error: Exception) -> str:
    """Say what an error of reading a checkpoint means. The types: those that half a file can bring about."""
    if isinstance(error, KeyError):
        return f"it lacks {_line(str(error.args[0]), 100)}" if error.args else OTHER_FORM
    if isinstance(error, OSError):
        name = f"{Path(error.filename).name}: " if error.filename else ""
        return f"{name}{_line(error.strerror or str(error), 200)}"
    if isinstance(error, json.JSONDecodeError):
        return "its state is no JSON"
    ours = isinstance(error, ValueError) and not any(words in str(error).casefold() for words in _PYTHON)
    if ours or isinstance(error, RuntimeError | SafetensorError):
        # torch tells of each tensor in a line below the first
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return _line(" ".join(lines[:2]), 300) or OTHER_FORM
    return OTHER_FORM


def _line(text: str, longest: int) -> str:
    return sanitize(" ".join(text.split()), longest)
