from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from sad.cli.grouped import Group, grouped


@dataclass(frozen=True)
class Colours(Group):
    ink: Annotated[str, typer.Option(help="Of the lines.")] = "black"
    paper: Annotated[list[str] | None, typer.Option(help="Of what is below.")] = None
    depth: Annotated[float | None, typer.Option(help="In bits.")] = None


def run(*words):
    told = []

    @grouped
    def draw(*, what: Annotated[str, typer.Argument()], colours: Colours, slowly: bool = False) -> None:
        """Draw it."""
        told.append((what, colours, slowly))

    app = typer.Typer()
    app.command()(draw)
    return CliRunner().invoke(app, words), told


def test_the_fields_of_a_group_are_options_and_come_back_as_the_group():
    done, told = run("a tree", "--paper", "white", "--paper", "grey", "--slowly")
    assert done.exit_code == 0
    [(what, colours, slowly)] = told
    assert (what, slowly) == ("a tree", True)
    assert colours == Colours(paper=["white", "grey"])


def test_the_options_stand_in_the_order_of_the_command():
    done, _ = run("--help")
    assert "Draw it." in done.output
    places = [done.output.index(f"--{name}") for name in ("ink", "paper", "depth", "slowly")]
    assert places == sorted(places)


def test_given_is_what_is_not_the_default_a_zero_too():
    _, [(_, nothing, _)] = run("a tree")
    assert nothing.given == {}
    _, [(_, some, _)] = run("a tree", "--depth", "0", "--ink", "black")
    assert some.given == {"depth": 0.0}
