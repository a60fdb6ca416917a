"""The run's folder: `runs/<time>-<name>/`, and `runs/latest`, which points to the newest that took a step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sad.errors import UserError
from sad.recipe import toml
from sad.recipe.schema import Recipe
from sad.train.processes import failure
from sad.train.saving import disk
from sad_doctor.record import replace_text

LATEST = "latest"
RECIPE = "recipe.toml"
STUDENT = "student"


def new(runs: Path, name: str) -> Path:
    """Make a fresh folder for a run. Raises UserError."""
    _no_broken_link(runs)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        folder = runs / (f"{stamp}-{name}" if number == 1 else f"{stamp}-{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"cannot write to {runs}: {error.strerror}; choose another place with --output") from None
        return folder
    raise UserError(f"{runs} holds 999 runs that began in this second: start it again")


def point(folder: Path, tell: Callable[[str], object]) -> None:
    """Let ``latest``, beside a run's folder, point to it, or ``tell`` why it does not.

    Not when the folder is made: a run that is refused at its first batch, or ended before, would take the place of one
    that can be gone on with.
    """
    link = folder.with_name(LATEST)
    if folder.is_dir() and not _point(link, folder.name):
        tell(f"{link} is no link, or cannot be one: it is left as it is, and is not this run")


def shared(recipe: Recipe, device: str) -> Path:
    """Make the folder of a new run, with its recipe, once for all processes; every process is told which it is.

    Raises UserError.
    """
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    from sad.train.processes.zero import USE_DEEPSPEED, hidden

    made: list[Path | None] = [None]
    # accelerate would join the processes in a way of its own
    with hidden(USE_DEEPSPEED):
        state = PartialState(cpu=device == "cpu")
    if state.is_main_process:
        folder = new(recipe.output.folder, recipe.output.name)
        try:
            # half a recipe could be read as the whole one of another run
            replace_text(folder / RECIPE, toml.toml(toml.anchored(recipe)))
        except OSError as error:
            told = f"cannot write to {folder}: {disk.told(error)}"
            raise UserError(f"{told}; {disk.way_out(error)}, or choose another place with --output") from None
        made[0] = folder
    return Path(broadcast_object_list(made)[0])


def check(runs: Path) -> None:
    """Raise UserError if no folder of a run can be made there; before anything slow is loaded."""
    if why := disk.refusal(runs):
        raise UserError(f"cannot write to {runs}: {why}; choose another place with --output")


def check_copies(there: Path) -> None:
    """Raise UserError if no checkpoint can be copied there; before anything slow is loaded."""
    if why := disk.refusal(there):
        raise UserError(f"cannot copy checkpoints to {there}: {why}; choose another place with --push-checkpoint")


def existing(path: Path) -> Path:
    """Return the folder of a run to go on with. Raises UserError if it is none of ours."""
    if path.is_symlink() and not path.exists():
        raise UserError(f"{path} is a link that leads to no run: name the folder of the run itself")
    if not path.exists():
        raise UserError(f"no such run: {path}; name the folder of a run, such as runs/latest")
    if not path.is_dir():
        raise UserError(f"{path} is a file: name the folder of a run, such as runs/latest")
    folder = path.resolve()
    if not (folder / RECIPE).is_file():
        raise UserError(
            f"{path} is not a run of sad train: it holds no {RECIPE}; name the folder of one, such as runs/latest"
        )
    return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes from training in the same folder meanwhile. Raises UserError where one does already.

    The lock, of the recipe, is the system's: it is gone with the process, however that ends. Where files cannot be
    locked nothing is. Of several processes of a run the first one, which writes, holds it.
    """
    if failure.world()[0] > 0:
        yield
        return
    with ExitStack() as stack:
        try:
            import fcntl

            file = stack.enter_context((folder / RECIPE).open("rb"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = f"another process trains in {folder} already"
            raise UserError(
                f"{told}: wait until it has ended, or end it; its record would have every step twice"
            ) from None
        except (ImportError, OSError):
            pass
        yield


def _no_broken_link(runs: Path) -> None:
    if runs.is_symlink() and not runs.exists():
        raise UserError(f"cannot write to {runs}: it is a link that leads nowhere; choose another place with --output")


def _point(link: Path, target: str) -> bool:
    """Replace the link atomically; return whether it is set. A file system without links, or a real file of that name,
    is left as it is.
    """
    if link.exists() and not link.is_symlink():
        return False
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target, target_is_directory=True)
        temporary.replace(link)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        return False
    return True
