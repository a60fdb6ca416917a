"""Options that several commands have, and helpers that declare options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from sad.cli import completion

CONFIG = typer.Option(metavar="FILE", help="Recipe in TOML; flags go on top of it.")
TEACHER = typer.Option(
    metavar="MODEL", help="Hub id, folder, GGUF file, asset:NAME, or embedded.", autocompletion=completion.teachers
)
DATA = typer.Option(
    metavar="TEXT", help="Text, JSON, CSV or Parquet file, a folder, or a hub id.", autocompletion=completion.texts
)
JSON = typer.Option("--json", help="Print JSON.")


def number(what: str, **more: Any) -> Any:  # noqa: ANN401 - typer's options have no common type
    """An option that takes a number."""
    return typer.Option(metavar="N", help=what, **more)


def path(metavar: str, what: str, panel: str | None = None, **more: Any) -> Any:  # noqa: ANN401
    """An option that takes a path: FILE, FOLDER or RUN."""
    return typer.Option(metavar=metavar, help=what, rich_help_panel=panel, **more)


def student(what: str) -> Any:  # noqa: ANN401
    """The option that names the student."""
    return typer.Option(metavar="MODEL", help=what, autocompletion=completion.students)


def setting(example: str, panel: str | None = None) -> Any:  # noqa: ANN401
    """The option that sets any key of the recipe."""
    return typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help=f"Any key of the recipe: {example}; may be given again. sad explain KEY tells what it is.",
        autocompletion=completion.recipe_keys,
        rich_help_panel=panel,
    )


def threshold(what: str) -> Any:  # noqa: ANN401
    """The option that changes a threshold of a red flag."""
    return typer.Option("--set", "--threshold", help=what, metavar="RULE.NAME=N", autocompletion=completion.thresholds)


def overrides(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given of the flags that stand for keys of the recipe."""
    return {key: value for key, value in flags.items() if value is not None}
