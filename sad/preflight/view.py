"""How findings look: what is wrong first, with its edit; what is fine in one line each."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from sad.preflight.finding import ORDER, Finding, Level
from sad.preflight.mend import current
from sad.recipe.schema import Recipe
from sad_doctor.record import spell

SCHEMA = 1
"""Of the JSON: goes up when a key changes its meaning or goes away; new keys may come at any time."""

SIGNS = {Level.WRONG: "✗", Level.WARNING: "!", Level.FINE: "✓", Level.SKIPPED: "-"}
WORDS = {Level.WRONG: "FAIL", Level.WARNING: "WARN", Level.FINE: "OK", Level.SKIPPED: "-"}
COLOURS = {Level.WRONG: "bold red", Level.WARNING: "yellow", Level.FINE: "green", Level.SKIPPED: "dim"}


def lines(recipe: Recipe, findings: Sequence[Finding], encoding: str) -> Iterator[tuple[Level, str]]:
    """Yield each line with the level that colours it: findings by level, each with its advice and its edits."""
    signs = _signs(encoding)
    width = max((len(f.topic) for f in findings), default=0)
    for level in ORDER:
        for finding in findings:
            if finding.level is not level:
                continue
            says = finding.says if level is not Level.SKIPPED else f"{Level.SKIPPED}: {finding.says}"
            yield level, f"{signs[level]} {finding.topic:{width}}  {says}"
            for line in _mending(recipe, finding):
                yield level, f"{' ' * (len(signs[level]) + width + 3)}{line}"


def _mending(recipe: Recipe, finding: Finding) -> Iterator[str]:
    for key, value in finding.edits.items():
        was = current(recipe, key)
        if value is None and was is None:
            continue
        yield (
            f"mend: take {key} out (is {_spelled(was)})"
            if value is None
            else (f"mend: {key} = {_spelled(value)} (is {_spelled(was)})")
        )
    if finding.advice:
        yield f"do: {finding.advice}"


def closing(findings: Sequence[Finding], seconds: float, fixed: str | None, *, mendable: bool) -> str:
    """The last line: how many of each, how long it took, and where the mended recipe is or how to get it."""
    count = {level: sum(f.level is level for f in findings) for level in ORDER}
    warnings = f"{count[Level.WARNING]} warning{'s' * (count[Level.WARNING] != 1)}"
    told = f"{count[Level.WRONG]} wrong, {warnings}, {count[Level.FINE]} fine, in {seconds:.0f} s."
    if fixed is not None and not mendable:
        return f"{told} No key of the recipe mends anything: {fixed} is the recipe as it was"
    if fixed is not None:
        return f"{told} Mended recipe: {fixed}; check it with: sad verify --config {fixed}"
    return f"{told} To have it mended: --write-fix recipe.fixed.toml" if mendable else told


def show(console: Console, shown: Sequence[tuple[Level, str]], last: str) -> None:
    """Print the lines, wrapped under their text on a terminal and whole elsewhere."""
    for level, line in shown:
        if console.is_terminal:
            inside = len(line) - len(line.lstrip()) or line.find("  ") + 2
            folded = textwrap.wrap(line, max(40, console.width), subsequent_indent=" " * min(inside, 24))
            console.print(Text("\n".join(folded), COLOURS[level] if level is not Level.FINE else ""))
        else:
            print(line, file=console.file, flush=True)
    console.print(Text(last, "bold"), soft_wrap=True)


def document(recipe: Recipe, findings: Sequence[Finding], edits: Mapping[str, Any], seconds: float) -> str:
    """Return everything as JSON."""
    status = "wrong" if any(f.level is Level.WRONG for f in findings) else "fine"
    tree = {
        "schema": SCHEMA,
        "status": status,
        "seconds": seconds,
        "recipe": recipe.model_dump(mode="json"),
        "findings": [asdict(f) for f in findings],
        "edits": dict(edits),
    }
    return json.dumps(spell(tree), allow_nan=False, indent=1)


def _signs(encoding: str) -> dict[Level, str]:
    try:
        "".join(SIGNS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return WORDS
    return SIGNS


def _spelled(value: object) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
