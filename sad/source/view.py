"""Shows what a reading saw: a line a place, as compilers do, or JSON."""

from __future__ import annotations

import json

from sad.source.read import Place, Reading


def lines(reading: Reading) -> list[str]:
    """Return the answer as text."""
    shown = [line(one) for one in reading.places]
    shown += [f"not read: {one}" for one in reading.skipped]
    return [*shown, summary(reading)]


def line(place: Place) -> str:
    """Return a place as ``path:line:column: S101 look: what is there``."""
    return f"{place.path}:{place.line}:{place.column}: {place.code} {place.level}: {place.says}"


def summary(reading: Reading) -> str:
    """Return the last line."""
    files = f"{reading.files} file{'s' * (reading.files != 1)} read, not run"
    if not reading.places:
        return f"{files}: nothing seen. A reading sees few faults: --loss, --step and the like run the code"
    wrong = sum(one.level == "wrong" for one in reading.places)
    return f"{files}: {wrong} wrong, {len(reading.places) - wrong} to look at (sad explain {reading.places[0].code})"


def document(reading: Reading) -> str:
    """Return it as JSON."""
    whole = {
        "files": reading.files,
        "places": [fields(one) for one in reading.places],
        "skipped": list(reading.skipped),
    }
    return json.dumps(whole, indent=1)


def fields(place: Place) -> dict[str, str | int]:
    """Return a place as JSON has it."""
    return {
        **{"path": place.path, "line": place.line, "column": place.column},
        **{"code": place.code, "name": place.name, "level": place.level.value, "says": place.says},
    }
