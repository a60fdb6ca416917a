"""`sad train`: from the words of the command line to a finished run."""

from __future__ import annotations

import contextlib
import shlex
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sad.errors import Stopped, UserError
from sad.quiet import quiet_libraries
from sad.recipe import schema as recipes
from sad.recipe import toml
from sad.recipe.schema import Recipe
from sad.text import glance
from sad.train.output import patient_console, say
from sad.train.printout import describe, table
from sad.train.processes import elastic, failure
from sad.train.saving import consent
from sad.train.saving import folder as folders
from sad_doctor.sanitize import LONGEST, sanitize
from sad_doctor.views.plain import line as plain

if TYPE_CHECKING:
    from sad.train.plan import Plan
    from sad.train.watch.ending import Ending

OF_THE_SESSION = frozenset({"train.on_red_flag", "train.max_hours", "train.push_checkpoint"})
"""Keys that decide nothing of what is learnt: a run can be resumed with others."""


def run_train(
    config: Path | None,
    flags: Mapping[str, Any],
    sets: Sequence[str],
    resume: Path | None,
    *,
    dry_run: bool,
    trust: bool = False,
) -> int:
    """Train, resume, or only say what would be done; return the exit code. Raises UserError, TrainingError, Stopped."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        asked = _asked(config, flags, sets, resume, trust=trust)
        return _run(asked, dry_run=dry_run, began=began)
    except KeyboardInterrupt:
        raise Stopped("stopped before the first step; nothing was written") from None
    except (UserError, Stopped) as error:
        if failure.world()[1] > 1:
            failure.end(error, None)
        raise


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line asks for: a recipe, as it is ``written`` on record, and the folder of a run to go on with."""

    recipe: Recipe
    written: str
    folder: Path | None


def _terminated(number: int, _frame: object) -> None:
    raise Stopped("told to end before the first step; nothing was written", number)


def _asked(
    config: Path | None, flags: Mapping[str, Any], sets: Sequence[str], resume: Path | None, *, trust: bool
) -> Asked:
    """Read the recipe. Raises UserError for words that do not go together, and for what it may not do unasked."""
    overrides = recipes.merged(sets, flags)
    if resume is not None and (config or set(overrides) - OF_THE_SESSION):
        raise UserError("--resume goes on with the run's own recipe: leave out --config and every flag that changes it")
    folder = None if resume is None else folders.existing(resume)
    recipe = recipes.load(folder / folders.RECIPE if folder else config, overrides)
    consent.check(folder, recipe, overrides, trust=trust)
    return Asked(recipe, _written(recipe), folder)


def _run(asked: Asked, *, dry_run: bool, began: float) -> int:
    rank, processes = failure.world()
    # of a dry run too: it answers for the run that it stands for
    _check_places(asked.recipe, new=asked.folder is None, writes=rank == 0)
    # the others would say the same
    quiet = rank > 0
    # a run outlives its output; of a dry run the output is all there is
    console = Console(quiet=quiet) if dry_run else patient_console(quiet=quiet)

    plan = _planned(asked, processes, console)
    lines = describe(plan, processes)
    if dry_run:
        say(console, sanitize(asked.written, len(asked.written)))
    for line in lines:
        say(console, plain(line, LONGEST))
    if dry_run:
        return 0
    folder = asked.folder or folders.shared(plan.recipe, plan.device)
    return _train_in(folder, plan, console, resume=asked.folder is not None, began=began)


def _planned(asked: Asked, processes: int, console: Console) -> Plan:
    """Decide all that is decided before the first step, the quickest to tell first."""
    # what can be said without the heavy imports is said at once
    rows = glance(asked.recipe.data, lambda told: say(console, plain(told, LONGEST)))
    quiet_libraries()

    from sad.train.ledger import trackers
    from sad.train.plan import make_plan
    from sad.train.processes import devices

    # before anything slow is loaded
    devices.check(asked.recipe.train)
    trackers.check(asked.recipe.train.trackers)
    with console.status("loading the pair and reading the text") if console.is_terminal else contextlib.nullcontext():
        recipe = asked.recipe
        if asked.folder is not None:
            recipe = elastic.fitted(recipe, _per_step(asked.folder), processes)
        return make_plan(recipe, processes, rows=rows)


def _train_in(folder: Path, plan: Plan, console: Console, *, resume: bool, began: float) -> int:
    """Train in a folder that nobody else trains in. Whatever ends the run there, it says how to go on."""
    from sad.train.saving import disk

    try:
        with folders.held(folder):
            code = _train(plan, folder, console, resume=resume, began=began)
        failure.leave_together()
        return code
    except OSError as error:
        # a full disk, a folder that is not ours: the run goes on from its newest checkpoint
        told = f"the run cannot be written: {disk.told(error)}"
        raise UserError(f"{told}; {disk.way_out(error)}, then {_way_on(folder)}") from None
    except (KeyboardInterrupt, Stopped) as stop:
        number = stop.signal if isinstance(stop, Stopped) else signal.SIGINT
        raise Stopped(f"stopped at once; {_way_on(folder)}", number) from None
    except Exception as error:
        if failure.world()[1] > 1 and not isinstance(error, UserError):
            failure.end(error, folder, _way_on(folder))
        raise


def _check_places(recipe: Recipe, *, new: bool, writes: bool) -> None:
    """Raise UserError where this process could not write the run, or what it copies of it."""
    if new:
        folders.check(recipe.output.folder)
    if writes and recipe.train.push_checkpoint:
        folders.check_copies(Path(recipe.train.push_checkpoint))


def _written(recipe: Recipe) -> str:
    """The recipe as it is put on record. Raises UserError for a path that is no text."""
    text = toml.toml(recipe)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError("a path in the recipe is not UTF-8 text, so it cannot be put on record: rename it") from None
    return text


def _per_step(folder: Path) -> int:
    from sad.train.saving import checkpoint

    # said before the models are loaded, which takes long
    checkpoint.newest(folder)
    return checkpoint.per_step(folder)


def _way_on(folder: Path) -> str:
    """What to do with a run that ended where it should not."""
    from sad.train.saving import checkpoint

    try:
        done = checkpoint.steps_done(folder)
    except UserError:
        return "start it again: it has no checkpoint yet"
    return f"go on from step {done} with: {consent.command(folder)}"


def _train(plan: Plan, folder: Path, console: Console, *, resume: bool, began: float) -> int:
    from sad.train.loop import train
    from sad.train.progress import Bar, Lines
    from sad.train.saving import checkpoint

    done = checkpoint.steps_done(folder) if resume else 0

    def write(told: str) -> None:
        say(console, sanitize(told))

    write(f"run: {folder}")

    moving = console.is_terminal and not console.is_dumb_terminal
    with Bar(plan.steps, console, done) if moving else Lines(plan.steps, write) as watch:
        result = train(plan, folder, watch, resume=resume, began=began)
    if result.ending.early and not result.ending.spent:
        code, why = _early(result.ending)
        write(f"stopped after step {result.step} of {plan.steps}{why}; nothing is lost. Go on with:")
        write(f"  {consent.command(folder)}")
        return code
    console.print(table(result))
    if result.left_out:
        told = f"{result.left_out:,} of {result.step:,} steps were left out"
        write(f"{told}: their loss or gradient was not finite (sad explain R401)")
    write(f"student: {folder / folders.STUDENT}  (Hugging Face format)")
    write(f"look at it: sad doctor {shlex.quote(str(folder))}")
    if result.ending.spent:
        write(f"ended after step {result.step} of {plan.steps}, with its stream")
        return 2
    return 0


def _early(ending: Ending) -> tuple[int, str]:
    """The exit code of a run that ended before its last step, and why it did."""
    if ending.signal is not None:
        return 128 + ending.signal, ""
    if ending.red_flag:
        return 1, f" for a red flag ({ending.red_flag})"
    if ending.data:
        return 2, " for want of data"
    return 0, ": train.max_hours is reached"
