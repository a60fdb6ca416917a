"""The words of `sad train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sad.cli import completion

_STOP = "Stopping and going on"


def train(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Recipe in TOML; flags go on top of it.")] = None,
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
            help="Hub id, folder, asset:NAME, embedded, or random:LAYERSxWIDTH.",
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
    epochs: Annotated[float | None, typer.Option(metavar="N", help="Passes over the training text.")] = None,
    max_steps: Annotated[int | None, typer.Option(metavar="N", help="Optimizer steps at the most.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Windows of a micro-batch on each device.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of weights, order and held-out choice.")] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The teacher's answers, as sad cache wrote them.")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any key of the recipe: terms.kd.weight=0.5; may be given again.",
            autocompletion=completion.recipe_keys,
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where the runs are; runs if not set.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved recipe and the plan, then stop.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Run folder to go on with, e.g. runs/latest.", rich_help_panel=_STOP),
    ] = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="The resumed run is my own: run the code and write to the places it names.",
            rich_help_panel=_STOP,
        ),
    ] = False,
    max_hours: Annotated[
        float | None,
        typer.Option(metavar="HOURS", help="Save and end before so many hours are over.", rich_help_panel=_STOP),
    ] = None,
    push_checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Copy each checkpoint to this folder too.", rich_help_panel=_STOP),
    ] = None,
    on_red_flag: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="ignore, warn, stop or rollback: what a red flag of the doctor does to the run.",
            autocompletion=completion.red_flags,
            rich_help_panel=_STOP,
        ),
    ] = None,
) -> None:
    """Distil a teacher into a student. Without arguments: the embedded pair, offline, in about a minute."""
    from sad.train.command import run_train

    flags = {
        "train.epochs": epochs,
        "train.batch_size": batch_size,
        "teacher.model": teacher,
        "student.model": student,
        "data.text": data,
        "output.folder": None if output is None else str(output),
        "train.seed": seed,
        "train.max_steps": max_steps,
        "cache.path": None if cache is None else str(cache),
        "train.on_red_flag": on_red_flag,
        "train.max_hours": max_hours,
        "train.push_checkpoint": None if push_checkpoint is None else str(push_checkpoint.expanduser().absolute()),
    }
    overrides = {key: value for key, value in flags.items() if value is not None}
    raise typer.Exit(run_train(config, overrides, sets or [], resume, dry_run=dry_run, trust=trust))
