"""The command line. Each command imports what it needs when it is called, so that `--help` answers at once."""

from __future__ import annotations

import re
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from sad.cli import assets, cache, doctor, env, examples, streams, train, verify
from sad.errors import Stopped, UserError, closed_place

_WRONG_USAGE: Any = typer.BadParameter.__mro__[1]
"""Typer's error for words that it cannot take; it has no public name."""

_COMPLETION = "--install-completion"
"""Typer's own word, which writes into the home folder."""

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
        from sad.cli.environment import headline

        typer.echo(headline())
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the versions that matter.")
    ] = False,
) -> None:
    pass


app.command(epilog=examples.VERIFY)(verify.verify)
app.command(epilog=examples.TRAIN)(train.train)
app.command(epilog=examples.DOCTOR)(doctor.doctor)
app.command(epilog=examples.EXPLAIN)(doctor.explain)
app.command(epilog=examples.CACHE)(cache.cache)
app.command()(env.env)


@app.command(rich_help_panel="For who works on sad")
def pages(
    check: Annotated[bool, typer.Option("--check/--write", help="Only tell which are stale, or write them.")] = False,
) -> None:
    """Write the pages in docs/ that are made from the code, or check that they are fresh. Exit 1 if one is stale."""
    from sad.pages.write import run_pages

    raise typer.Exit(run_pages(typer.main.get_command(app), check=check))


def _refuse(message: str, code: int) -> NoReturn:
    """Say in one line, on stderr, why the command ends."""
    from sad_doctor.sanitize import LONGEST
    from sad_doctor.views.plain import line

    # the doctor, which is a package of its own, names itself: one form of error for one command
    who = "sad doctor" if sys.argv[1:2] == ["doctor"] else "sad"
    # with standard error closed, print would write to standard output
    if sys.stderr is not None:
        print(f"{who}: {line(message, LONGEST)}", file=sys.stderr)  # noqa: T201 - the one place that talks to stderr
    sys.exit(code)


def _in_a_folder() -> None:
    """End with the cause if the current folder is gone: whatever else failed, failed for that."""
    try:
        Path.cwd()
    except OSError:
        _refuse("the folder that you are in was deleted: change to another one", 2)


def _crashed(error: Exception) -> NoReturn:
    """Print the traceback of an unforeseen error, cleaned: its text may come from a file and hold control codes."""
    import traceback

    from sad_doctor.sanitize import sanitize

    _in_a_folder()
    told = "".join(traceback.format_exception(error))
    sys.stderr.write(sanitize(told, len(told) + 1).rstrip() + "\n")
    _refuse("this is a fault of sad: report it with the lines above and what `sad env` prints", 1)


def _failed(error: OSError) -> NoReturn:
    """End with what the system refused: our output, the completion, or a place. Another one is a fault of ours."""
    if error.filename is None and (told := streams.failure(probe=True)) is not None:
        _refuse(f"standard output cannot be written: {told}", 2)
    if _COMPLETION in sys.argv:
        told = f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
        _refuse(f"the completion cannot be installed: {told}; --show-completion prints it, to be put elsewhere", 2)
    if (closed := closed_place(error)) is not None:
        _refuse(str(closed), 2)
    _crashed(error)


def _end_when_told() -> None:
    """Let SIGTERM end a command as Ctrl-C does, so that child processes end and temporary folders are removed."""
    here = threading.current_thread() is threading.main_thread()
    if here and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _told_to_end)


def _command(error: Any) -> str:  # noqa: ANN401 - typer's error has no public name
    """The command whose help to name. An option that lacks its value is refused before typer knows the command."""
    if error.ctx:
        return str(error.ctx.command_path)
    known: Any = typer.main.get_command(app)
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    return f"sad {word}" if word in known.commands else "sad"


def _ours(message: str) -> str:
    """Return typer's message about wrong words in the form of our own messages: the option first, no full sentence."""
    told = re.sub(r"^Invalid value for '?([^':]+)'?: ", r"\1: ", message.strip())
    told = told.replace("Got unexpected extra argument(s) (", "more words than are taken (").replace(
        ": Input ", ": it "
    )
    told = re.sub(r", unable to parse string as an? \w+$", "", told).replace("valid integer", "whole number")
    if not told[:2].isupper():
        # a message, and not the name of an argument
        told = told[:1].lower() + told[1:]
    return re.sub(r"\.? \(?(Did you mean|Possible options:) ([^?)]+)[?)]?$", r"; did you mean \2?", told).rstrip(".")


def _told_to_end(number: int, _frame: object) -> None:
    if hasattr(signal, "SIGCONT"):
        # `timeout` and systemd send it right after; the dashboard would take up the terminal that it has just left
        signal.signal(signal.SIGCONT, _nothing)
    raise Stopped("told to end", number)


def _nothing(_number: int, _frame: object) -> None:
    return


def main() -> None:
    """Run the command line; a mistake of the user's is one line on stderr and exit code 2."""
    _end_when_told()
    streams.ready()
    try:
        code = app(prog_name="sad", standalone_mode=False)
        if (told := streams.failure()) is not None:
            raise UserError(f"standard output cannot be written: {told}")
    except SystemExit as ending:
        # typer itself ends where the reader of our output went away (1), or after it has answered a shell's completion
        sys.exit(141 if ending.code == 1 else ending.code)
    except (UserError, Stopped) as error:
        _in_a_folder()
        _refuse(str(error), error.exit_code)
    except _WRONG_USAGE as error:
        if not error.format_message():
            # no word at all: the page of help is the answer
            typer.echo(error.ctx.get_help())
            sys.exit(2)
        _refuse(f"{_ours(error.format_message())} (see: {_command(error)} --help)", 2)
    except (KeyboardInterrupt, typer.Abort):
        _refuse("stopped", 130)
    except BrokenPipeError:
        # the reader of our output went away: nothing is wrong with the run
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        _failed(error)
    except Exception as error:
        _crashed(error)
    # a page of help comes back as text
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
