"""The command line of `sad env`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sad.cli.options import JSON


def env(as_json: Annotated[bool, JSON] = False) -> None:
    """Tell what a bug report needs: versions, system, memory, accelerators, folders. Nothing secret is among it."""
    from sad.cli import environment

    told = environment.facts()
    typer.echo(json.dumps(told, indent=1) if as_json else "\n".join(environment.lines(told)))
