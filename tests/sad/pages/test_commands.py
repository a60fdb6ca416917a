import re
from pathlib import Path
from typing import Annotated

import typer

from sad.cli.app import app
from sad.cli.examples import shown
from sad.pages.commands import commands_markdown

made = typer.Typer(help="What it\nis.")
PLACE = typer.Argument(help="Where | there.")


@made.command(epilog=shown("walk go here", "walk go there --quiet"))
def go(
    place: Annotated[Path, PLACE],
    more: Annotated[list[str] | None, typer.Argument()] = None,
    times: Annotated[int, typer.Option("--times", "-n", help="How often.")] = 3,
    quiet: Annotated[bool, typer.Option("--quiet/--loud", help="Say little.")] = False,
    hidden: Annotated[bool, typer.Option("--secret", hidden=True)] = False,
) -> None:
    """Go there.

    And
    back.
    """


@made.command()
def stay() -> None:
    """Stay."""


def test_a_command_is_told_with_its_usage_its_words_and_their_defaults():
    page = commands_markdown(typer.main.get_command(made), "walk")
    assert "\n## `walk`\n\nWhat it is.\n" in page
    part = page[page.index("## `walk go`") : page.index("## `walk stay`")]
    assert part.startswith(
        "## `walk go`\n\nGo there.\n\nAnd back.\n\n```text\nwalk go [OPTIONS] PLACE [MORE]...\n```\n"
        "\nExamples:\n\n```text\nwalk go here\nwalk go there --quiet\n```\n"
    )
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `PLACE` | needed | Where \\| there. |",
        "| `[MORE]...` |  |  |",
        "| `--times, -n TIMES` | `3` | How often. |",
        "| `--quiet / --loud` |  | Say little. |",
    ]


def test_every_option_of_the_program_is_on_the_page():
    program = typer.main.get_command(app)
    page = commands_markdown(program)
    todo, seen = [("sad", program)], 0
    while todo:
        name, command = todo.pop()
        todo += [(f"{name} {word}", inner) for word, inner in getattr(command, "commands", {}).items()]
        (part,) = re.findall(rf"^## `{name}`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        for one in command.params:
            assert all(word in part for word in one.opts if word.startswith("-"))
            seen += 1
    assert seen > 60


def test_a_default_that_is_found_out_later_is_told_as_one():
    told = {
        one.name: row
        for one in typer.main.get_command(app).commands["verify"].params  # type: ignore[attr-defined]
        for row in commands_markdown(typer.main.get_command(app)).splitlines()
        if one.name in ("timeout", "jobs") and row.startswith(f"| `--{one.name} ")
    }
    assert told == {
        "timeout": "| `--timeout SECONDS` | 60 | For each property. |",
        "jobs": "| `--jobs N` | one a core; 1 for chosen codes | Processes. |",
    }
