"""What resuming a run folder from somebody else could execute or overwrite, and the `--trust` that allows it.

Its recipe may name Python code to run, or folders to write to; a link in it may lead what is written out of it. The
recipe that is given to a new run is the user's own word; that of a folder is only taken at `--trust`.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Collection
from pathlib import Path

from sad.errors import UserError
from sad.recipe import schema as recipes
from sad.recipe.schema import Recipe
from sad.train.saving.folder import RECIPE
from sad_doctor.record import EVENTS, METRICS, RUN


def reaching(folder: Path, recipe: Recipe, given: Collection[str] = ()) -> list[str]:
    """Return the keys of a recipe, with their values, that run code or write outside of the run's folder.

    What the user has ``given`` on the command line, by dotted key, is left out; so is a place to copy to where the copy
    is the run itself.
    """
    told = [f"{role}.trust_remote_code" for role in ("teacher", "student") if getattr(recipe, role).trust_remote_code]
    told += [f"terms.custom.{name} = {custom.term}" for name, custom in recipe.terms.custom.items()]
    there = recipe.train.push_checkpoint
    if there is not None and (Path(there).expanduser() / folder.name).resolve() == folder.resolve():
        there = None
    outside = {"train.push_checkpoint": there, "data.cache": recipe.data.cache}
    return told + [f"{key} = {value}" for key, value in outside.items() if value is not None and key not in given]


def strange(folder: Path) -> list[str]:
    """Return the entries of a run's folder that are neither regular files nor folders: links, pipes, devices."""
    found = []
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            mode = os.lstat(Path(place) / name).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                found.append(str((Path(place) / name).relative_to(folder)))
    return sorted(found)


def check(folder: Path | None, recipe: Recipe, given: Collection[str] = (), *, trust: bool) -> None:
    """Raise UserError for a folder that reaches beyond itself when it is resumed, unless it is trusted.

    None is a new run, which needs no trust. A pipe or a device in place of a file of the record is refused at any
    trust: to open it is to wait for ever.
    """
    if folder is None and trust:
        raise UserError("--trust is for a run that goes on: name its folder with --resume")
    if folder is None:
        return
    if trust:
        _check_record(folder)
        return
    if led := strange(folder):
        raise UserError(f"{folder}: {led[0]} is a link or no regular file: if you made it, add --trust")
    if named := reaching(folder, recipe, given):
        more = f" and {len(named) - 1} more" if len(named) > 1 else ""
        told = f"{folder / RECIPE} names code to run, or a place to write to ({named[0]}{more})"
        raise UserError(f"{told}: if it is your own run, add --trust; else read it first")


def _check_record(folder: Path) -> None:
    for name in (RUN, METRICS, EVENTS):
        path = folder / name
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UserError(f"{path} is a pipe or a device, not a file: put the run's own file back")


def command(folder: Path) -> str:
    """Return the command that goes on with a run of one's own."""
    try:
        trusted = strange(folder) or reaching(folder, recipes.load(folder / RECIPE, {}))
    except (UserError, OSError):
        trusted = []
    return f"sad train --resume {shlex.quote(str(folder))}{' --trust' if trusted else ''}"
