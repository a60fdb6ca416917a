"""The command line of `sad train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sad.cli import completion
from sad.cli.options import CONFIG, DATA, TEACHER, number, overrides, path, setting, student
from sad.errors import UserError

_STOP = "Stopping and going on"
_DRY_RUN = typer.Option("--dry-run", help="Print the resolved recipe and the plan, then stop.")
_TRUST = typer.Option(
    "--trust", help="The resumed run is my own: run the code and write to the places it names.", rich_help_panel=_STOP
)
_MAX_HOURS = typer.Option(metavar="HOURS", help="Save and end before so many hours are over.", rich_help_panel=_STOP)
_ON_RED_FLAG = typer.Option(
    metavar="WHAT",
    help="ignore, warn, stop or rollback: what a red flag of the doctor does to the run.",
    autocompletion=completion.red_flags,
    rich_help_panel=_STOP,
)


def train(
    config: Annotated[Path | None, CONFIG] = None,
    teacher: Annotated[str | None, TEACHER] = None,
    student: Annotated[str | None, student("Hub id, folder, asset:NAME, embedded, or random:LAYERSxWIDTH.")] = None,
    data: Annotated[str | None, DATA] = None,
    epochs: Annotated[float | None, number("Passes over the training text.")] = None,
    max_steps: Annotated[int | None, number("Optimizer steps at the most.")] = None,
    batch_size: Annotated[int | None, number("Windows of a micro-batch on each device.")] = None,
    seed: Annotated[int | None, number("Seed of weights, order and held-out choice.")] = None,
    cache: Annotated[str | None, path("FOLDER", "The teacher's answers, as sad cache wrote them.")] = None,
    sets: Annotated[list[str] | None, setting("terms.kd.weight=0.5")] = None,
    output: Annotated[str | None, path("FOLDER", "Where the runs are.", show_default="runs")] = None,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    resume: Annotated[str | None, path("RUN", "Run folder to go on with, e.g. runs/latest.", _STOP)] = None,
    trust: Annotated[bool, _TRUST] = False,
    max_hours: Annotated[float | None, _MAX_HOURS] = None,
    push_checkpoint: Annotated[str | None, path("FOLDER", "Copy each checkpoint to this folder too.", _STOP)] = None,
    on_red_flag: Annotated[str | None, _ON_RED_FLAG] = None,
) -> None:
    """Distil a teacher into a student. Without arguments: the embedded pair, offline, in about a minute."""
    from sad.train.command import run_train

    flags = {
        "train.epochs": epochs,
        "train.batch_size": batch_size,
        "teacher.model": teacher,
        "student.model": student,
        "data.text": data,
        "output.folder": output,
        "train.seed": seed,
        "train.max_steps": max_steps,
        "cache.path": cache,
        "train.on_red_flag": on_red_flag,
        "train.max_hours": max_hours,
        # an empty one is refused as such
        "train.push_checkpoint": str(Path(push_checkpoint).expanduser().absolute())
        if push_checkpoint
        else push_checkpoint,
    }
    # as a path an empty one would be the current folder
    if resume == "":
        raise UserError("--resume names no run: give the folder of one, such as runs/latest")
    run = None if resume is None else Path(resume)
    raise typer.Exit(run_train(config, overrides(flags), sets or [], run, dry_run=dry_run, trust=trust))
