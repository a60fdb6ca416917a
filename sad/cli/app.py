"""The command line. Each command imports what it needs when it is called, so that `--help` answers at once."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from sad.cli import assets, cache, completion, doctor, env
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
_LOSS, _RUN = "Your own loss", "The run that you are about to start"
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


@app.command()
def verify(
    codes: Annotated[
        list[str] | None,
        typer.Argument(help="Codes (V104), their beginnings (V1) or names.", autocompletion=completion.bugs),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The whole catalogue; without it, and without codes, the core (V1).")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; if not set one a core, and 1 for chosen codes.")
    ] = None,
    as_matrix: Annotated[bool, typer.Option("--matrix", help="Show which property catches which bug.")] = False,
    as_list: Annotated[bool, typer.Option("--list", help="List the bugs, judge none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    loss: Annotated[
        str | None,
        typer.Option(help="package.module:function, :Class, or file.py:name.", rich_help_panel=_LOSS),
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option(help="Python file that says how the loss is called.", rich_help_panel=_LOSS)
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds for each property; 60 if not set.", rich_help_panel=_LOSS)
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Properties to judge, by name or number.", rich_help_panel=_LOSS, autocompletion=completion.properties
        ),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the verdict as JUnit XML.", rich_help_panel=_LOSS)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random inputs.", rich_help_panel=_LOSS)] = 0,
    teacher: Annotated[
        str | None, typer.Option(help="The teacher of the run, as in sad train.", rich_help_panel=_RUN)
    ] = None,
    student: Annotated[str | None, typer.Option(help="The student of the run.", rich_help_panel=_RUN)] = None,
    data: Annotated[str | None, typer.Option(help="The text of the run.", rich_help_panel=_RUN)] = None,
    config: Annotated[
        Path | None, typer.Option(help="Recipe of the run in TOML; flags go on top of it.", rich_help_panel=_RUN)
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Any key of the recipe: --set train.batch_size=4",
            rich_help_panel=_RUN,
            autocompletion=completion.recipe_keys,
        ),
    ] = None,
    write_fix: Annotated[
        Path | None, typer.Option(help="Write the mended recipe to this file.", rich_help_panel=_RUN)
    ] = None,
) -> None:
    """Reproduce real bugs, catch each, and show the code that trains to be free of it. Exit 0 if all hold, else 1.

    With --loss or --adapter: judge your own loss. Exit 1 if something is broken, 2 if it cannot be judged.
    With --teacher, --student, --data, --config or --set: examine that run before it starts. Exit 1: something is wrong.
    """
    flags = {"teacher.model": teacher, "student.model": student, "data.text": data}
    run = {key: value for key, value in flags.items() if value is not None}
    wanted = {
        "the catalogue": codes or everything or jobs or as_matrix or as_list,
        "a loss": loss or adapter or timeout or only or junit or seed,
        "a run": run or config or sets or write_fix,
    }
    asked = [what for what, given in wanted.items() if given]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} at once: one call of sad verify judges one of them")
    if asked == ["a loss"]:
        from sad.judge.command import run_judge

        code = run_judge(
            loss, adapter=adapter, timeout=timeout, only=only or [], junit=junit, as_json=as_json, seed=seed
        )
    elif asked == ["a run"]:
        from sad.preflight.command import run_preflight

        code = run_preflight(config, run, sets or [], write_fix, as_json=as_json)
    else:
        from sad.verify.command import Wanted, cores, run_verify

        many = jobs or (1 if codes else cores())
        chosen = Wanted(tuple(codes or ()), everything, many)
        code = run_verify(chosen, as_json=as_json, as_list=as_list, as_matrix=as_matrix)
    raise typer.Exit(code)


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
