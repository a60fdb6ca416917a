"""What `--help` shows as examples: each of them is a call that its command takes."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer

from sad.cli.app import app
from sad.cli.examples import calls, shown

PROGRAM: Any = typer.main.get_command(app)
CALLS = [one for command in PROGRAM.commands.values() for one in calls(command.epilog)]


def test_calls_come_back_one_by_one_and_another_text_has_none() -> None:
    assert calls(shown("sad train", "sad verify --all")) == ("sad train", "sad verify --all")
    assert calls("Examples of what?\n\nsad train") == ()
    assert calls(None) == ()


@pytest.mark.parametrize("call", CALLS)
def test_an_example_is_a_call_that_its_command_takes(call: str) -> None:
    program, command, *words = shlex.split(call)
    assert program == "sad"
    context = PROGRAM.commands[command].make_context(command, words)
    given = str({name: value for name, value in context.params.items() if value})
    assert all(word.split(".")[0].removeprefix("--").replace("-", "_") in given for word in words)


@pytest.mark.parametrize("command", ["verify", "train", "doctor", "explain", "cache"])
def test_the_commands_of_every_day_have_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(calls(PROGRAM.commands[command].epilog)) >= 2
    PROGRAM.commands[command].main(["--help"], standalone_mode=False)
    assert calls(PROGRAM.commands[command].epilog)[0] in capsys.readouterr().out
