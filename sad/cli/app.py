"""The command line. Each command imports what it needs when it is called, so that `--help` answers at once."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from sad.cli import assets, cache, completion, doctor, env, verify
from sad.errors import Stopped, UserError

_WRONG_USAGE: Any = typer.BadParameter.__mro__[1]
"""Typer's error for words that it cannot take; it has no public name."""

app = typer.Typer(
    name="sad",
    help="Student-aware distillation: verify the code, train the student, diagnose the run.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(assets.app, name="assets")


def _version(wanted: bool) -> None:
    if wanted:
        from sad.environment import headline

        typer.echo(headline())
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the versions that matter.")
    ] = False,
) -> None:
    pass


app.command()(verify.verify)


@app.command()
def train(
    config: Annotated[Path | None, typer.Option(help="Recipe in TOML; flags go on top of it.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the training text.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows of a micro-batch on each device.")] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="Hub id, folder, GGUF file, asset:NAME, or embedded.", autocompletion=completion.teachers),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(
            help="Hub id, folder, asset:NAME, embedded, or random:LAYERSxWIDTH.", autocompletion=completion.students
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Text, JSON, CSV or Parquet file, a folder, or a hub id.", autocompletion=completion.texts),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of runs.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, order and held-out choice.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Optimizer steps at the most.")] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any key of the recipe: --set terms.kd.weight=0.5", autocompletion=completion.recipe_keys
        ),
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Cache of the teacher, as sad cache wrote it.")] = None,
    on_red_flag: Annotated[
        str | None,
        typer.Option(
            help="ignore, warn, stop or rollback: what a red flag of the doctor does to the run.",
            autocompletion=completion.red_flags,
        ),
    ] = None,
    max_hours: Annotated[float | None, typer.Option(help="Save and end before so many hours are over.")] = None,
    push_checkpoint: Annotated[Path | None, typer.Option(help="Copy each checkpoint to this folder too.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Run folder to go on with, e.g. runs/latest.")] = None,
    trust: Annotated[
        bool,
        typer.Option("--trust", help="The resumed run is my own: run the code and write to the places it names."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved recipe and the plan, then stop.")
    ] = False,
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


app.command()(cache.cache)


app.command()(doctor.doctor)
app.command()(doctor.explain)
app.command()(env.env)


@app.command()
def pages(
    check: Annotated[bool, typer.Option("--check/--write", help="Only tell which are stale, or write them.")] = False,
) -> None:
    """Write the pages in docs/ that are made from the code, or check that they are fresh. Exit 1 if one is stale."""
    from sad.pages.write import run_pages

    raise typer.Exit(run_pages(typer.main.get_command(app), check=check))


def _refuse(message: str, code: int) -> NoReturn:
    """Say in one line, on stderr, why the command ends."""
    from sad_doctor.clean import LONGEST
    from sad_doctor.views.plain import line

    print(f"sad: {line(message, LONGEST)}", file=sys.stderr)  # noqa: T201 - the one place that talks to stderr
    sys.exit(code)


def _in_a_folder() -> None:
    """End with the cause if the current folder is gone: whatever else failed, failed for that."""
    try:
        Path.cwd()
    except OSError:
        _refuse("the folder that you are in was deleted: change to another one", 2)


def _crashed(error: Exception) -> NoReturn:
    """Show what nobody foresaw: what a message took from a file must not reach the terminal as a control code."""
    import traceback

    from sad_doctor.clean import clean

    _in_a_folder()
    told = "".join(traceback.format_exception(error))
    sys.stderr.write(clean(told, len(told) + 1).rstrip() + "\n")
    _refuse("this is a fault of sad: report it with the lines above and what `sad env` prints", 1)


def main() -> None:
    """Run the command line; a mistake of the user's is one line on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that cannot show a character gets a question mark, not a traceback
            stream.reconfigure(errors="replace")
    try:
        code = app(prog_name="sad", standalone_mode=False)
    except SystemExit as ending:
        # the library's own end where the reader of our output went away, or a shell was told what it asked
        sys.exit(141 if ending.code == 1 else ending.code)
    except (UserError, Stopped) as error:
        _in_a_folder()
        _refuse(str(error), error.exit_code)
    except _WRONG_USAGE as error:
        if not error.format_message():
            # no word at all: the page of help is the answer
            typer.echo(error.ctx.get_help())
            sys.exit(2)
        where = error.ctx.command_path if error.ctx else "sad"
        _refuse(f"{error.format_message()} (see: {where} --help)", 2)
    except (KeyboardInterrupt, typer.Abort):
        _refuse("stopped", 130)
    except BrokenPipeError:
        # the reader of our output went away: nothing is wrong with the run
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        _crashed(error)
    # a page of help comes back as text
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
