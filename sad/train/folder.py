"""The run's folder: `runs/<time>-<name>/`, and `runs/latest`, which points to the newest."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sad import recipe_text
from sad.errors import UserError
from sad.recipe import Recipe

LATEST = "latest"
RECIPE = "recipe.toml"
STUDENT = "student"


def new(runs: Path, name: str) -> Path:
    """Make a fresh folder for a run and let ``latest`` point to it. Raises UserError."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        folder = runs / (f"{stamp}-{name}" if number == 1 else f"{stamp}-{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"cannot write to {runs}: {error.strerror}; choose another place with --output") from None
        _point(runs / LATEST, folder.name)
        return folder
    raise UserError(f"{runs} is full of runs of this second: start it again")


def shared(recipe: Recipe, device: str) -> Path:
    """Make the folder of a new run, with its recipe, once for all processes; every process is told which it is.

    Raises UserError.
    """
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    made: list[Path | None] = [None]
    if PartialState(cpu=device == "cpu").is_main_process:
        folder = new(recipe.output.folder, recipe.output.name)
        (folder / RECIPE).write_text(recipe_text.toml(recipe_text.anchored(recipe)), encoding="utf-8")
        made[0] = folder
    return Path(broadcast_object_list(made)[0])


def check(runs: Path) -> None:
    """Raise UserError if no folder of a run can be made there; before anything slow is loaded."""
    nearest = next(p for p in (runs, *runs.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise UserError(f"cannot write to {runs}: {nearest} is a file; choose another place with --output")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {runs}: permission denied; choose another place with --output")


def existing(path: Path) -> Path:
    """Return the folder of a run to go on with. Raises UserError if it is none of ours."""
    folder = path.resolve()
    if not folder.is_dir():
        raise UserError(f"no such run: {path}")
    if not (folder / RECIPE).is_file():
        raise UserError(f"{path} is not a run of sad train: it holds no {RECIPE}")
    return folder


def _point(link: Path, target: str) -> None:
    """Set the link in one step. A file system without links, or a real file of that name, is left as it is."""
    if link.exists() and not link.is_symlink():
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target, target_is_directory=True)
        temporary.replace(link)
    except OSError:
        temporary.unlink(missing_ok=True)
