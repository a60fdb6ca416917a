"""What the pages tell people to type can be typed: each command exists and takes the options that are given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

import markdown
import pytest
import typer

from sad.cli.app import app
from sad_doctor.__main__ import parser

_WRONG: Any = typer.BadParameter.__mro__[1]
_CUT = {"|", ">", "2>", "&&", ";", "||"}


def lines() -> list[tuple[str, str]]:
    """Return each command of the pages with where it stands: of the blocks, and of the code within the lines."""
    found = []
    for block in [*markdown.blocks("sh"), *markdown.blocks("")]:
        text = re.sub(r"\\\n\s*", "", block.text)
        shown = text.splitlines() if block.language else [line[2:] for line in text.splitlines() if line[:2] == "$ "]
        found += [(str(block), line) for line in shown]
    for page in markdown.PAGES:
        found += [(markdown.name(page), code) for code in markdown.spans(page)]
    return found


def words(line: str) -> list[str]:
    """Return the words that `sad` gets in a line of a shell, its own name first; none where it is another program."""
    try:
        every = shlex.split(line, comments=True)
    except ValueError:
        return []
    end = next((number for number, word in enumerate(every) if word in _CUT), len(every))
    every = every[:end]
    while every and re.fullmatch(r"[A-Z_]+=.*", every[0]):
        every = every[1:]
    for start in (["python", "sad.py"], [".venv/bin/sad"], ["python", "-m", "sad"], ["uv", "run", "sad"]):
        if every[: len(start)] == start:
            return ["sad", *every[len(start) :]]
    if every[:1] in (["accelerate"], ["torchrun"]) and "-m" in every:
        return every[every.index("-m") + 1 :]
    return every if every[:1] in (["sad"], ["sad-doctor"]) and "COMMAND" not in every else []


def parse(given: Sequence[str]) -> None:
    """Let the command line take the words, and run nothing. Raises what it raises."""
    command, rest, above = typer.main.get_command(app), list(given), None
    while hasattr(command, "commands"):
        context = command.make_context("sad", rest, parent=above)
        rest = [*context._protected_args, *context.args]
        _, command, rest = command.resolve_command(context, rest)
        above = context
    command.make_context("sad", rest, parent=above)


TYPED = [(place, given) for place, line in lines() if len(given := words(line)) > 1]
_NAMED_ONLY = re.compile("requires an argument|Missing argument|^$")
"""Where a sentence names a command or an option, and leaves its argument out."""


def test_there_are_commands_to_look_at() -> None:
    assert len(TYPED) > 100
    assert {given[1] for _, given in TYPED if given[0] == "sad"} >= {"verify", "train", "doctor", "explain", "cache"}


@pytest.mark.parametrize(("place", "given"), TYPED, ids=[f"{place} {' '.join(given)}" for place, given in TYPED])
def test_a_command_can_be_typed(place: str, given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # this one is done as soon as it is read: it would write to the settings of the shell of who runs the tests
    monkeypatch.setattr("typer.completion.install", lambda **_: ("bash", "nowhere"))
    program, *rest = given
    if program == "sad":
        try:
            parse(rest)
        except (typer.Exit, SystemExit):
            pass
        except _WRONG as error:
            whole = ":" in place
            if whole or not _NAMED_ONLY.search(error.format_message()):
                pytest.fail(f"{place}: {' '.join(given)}: {error.format_message()}")
            return
    if program == "sad-doctor" or rest[:1] == ["doctor"]:
        # the doctor alone takes the same words
        assert parser().parse_args(rest if program == "sad-doctor" else rest[1:]).run


def test_a_command_that_is_none_is_seen() -> None:
    for wrong in ("trains", "train --epoch 3", "doctor", "verify --jobs many", "assets fetches"):
        with pytest.raises(_WRONG):
            parse(wrong.split())
    assert words("HF_HUB_OFFLINE=1 sad train --epochs 3 > log  # quick") == ["sad", "train", "--epochs", "3"]
    assert words("torchrun --nproc_per_node 2 -m sad train") == ["sad", "train"]
    assert words("git status") == []
