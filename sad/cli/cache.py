"""The command line of `sad cache`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sad.cli.options import CONFIG, DATA, TEACHER, number, overrides, path, setting, student


def cache(
    config: Annotated[Path | None, CONFIG] = None,
    cache: Annotated[str | None, path("FOLDER", "Folder of the cache.")] = None,
    teacher: Annotated[str | None, TEACHER] = None,
    student: Annotated[str | None, student("As in sad train: its tokenizer decides the ids.")] = None,
    data: Annotated[str | None, DATA] = None,
    k: Annotated[int | None, number("Likeliest tokens of a boundary.", show_default="32")] = None,
    bits: Annotated[int | None, number("Bits of a log-probability: 8, 10, 12, 16; 32 is exact.")] = None,
    states: Annotated[bool, typer.Option("--states", help="Keep hidden states, also if no term asks yet.")] = False,
    sets: Annotated[list[str] | None, setting("terms.kd.temperature=2.0")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell size and time, then stop.")] = False,
) -> None:
    """Write what the teacher says on the examples of a run, once; then train with sad train --cache, without it.

    A cache that was stopped goes on where it was when the same command is given again.
    """
    from sad.cli.cache_teacher import cache_teacher

    flags = {
        "teacher.model": teacher,
        "student.model": student,
        "data.text": data,
        "cache.path": cache,
        "cache.k": k,
        "cache.bits": bits,
        "cache.states": states or None,
    }
    raise typer.Exit(cache_teacher(config, overrides(flags), sets or [], dry_run=dry_run))
