"""The words of `sad cache`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sad.cli import completion


def cache(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Recipe in TOML; flags go on top of it.")] = None,
    cache: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder of the cache.")] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Hub id, folder, GGUF file, asset:NAME, or embedded.",
            autocompletion=completion.teachers,
        ),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="As in sad train: its tokenizer decides the ids.",
            autocompletion=completion.students,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Text, JSON, CSV or Parquet file, a folder, or a hub id.",
            autocompletion=completion.texts,
        ),
    ] = None,
    k: Annotated[int | None, typer.Option(metavar="N", help="Likeliest tokens of a boundary; 32 if not set.")] = None,
    bits: Annotated[
        int | None, typer.Option(metavar="N", help="Bits of a log-probability: 8, 10, 12, 16; 32 is exact.")
    ] = None,
    states: Annotated[bool, typer.Option("--states", help="Keep hidden states, also if no term asks yet.")] = False,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any key of the recipe: terms.kd.temperature=2.0; may be given again.",
            autocompletion=completion.recipe_keys,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell size and time, then stop.")] = False,
) -> None:
    """Write what the teacher says on the examples of a run, once; then train with sad train --cache, without it.

    A cache that was stopped goes on where it was when the same command is given again.
    """
    from sad.cli.run_cache import run_cache

    flags = {
        "teacher.model": teacher,
        "student.model": student,
        "data.text": data,
        "cache.path": None if cache is None else str(cache),
        "cache.k": k,
        "cache.bits": bits,
        "cache.states": states or None,
    }
    overrides = {key: value for key, value in flags.items() if value is not None}
    raise typer.Exit(run_cache(config, overrides, sets or [], dry_run=dry_run))
