"""`sad verify --teacher T --student S --data D`: from the words of the command line to the verdict."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sad.errors import UserError
from sad.models.files import check_files
from sad.preflight.foreign import refuse_foreign
from sad.recipe import schema as recipes
from sad.recipe import toml

if TYPE_CHECKING:
    from rich.console import Console

    from sad.preflight.finding import Finding

FINE, WRONG, STOPPED = 0, 1, 130


def run_preflight(
    config: Path | None, flags: Mapping[str, Any], sets: Sequence[str], write_fix: Path | None, *, as_json: bool
) -> int:
    """Examine the run that a recipe and flags describe, without training it; print what was found.

    Returns 0 if nothing is wrong (warnings allowed), 1 if something is, 130 if interrupted. ``write_fix`` gets the
    recipe with every edit that a finding asks for. Raises UserError for what cannot be examined at all.
    """
    if config is not None:
        refuse_foreign(config)
    recipe = recipes.load(config, recipes.merged(sets, flags))
    if write_fix is not None:
        _writable(write_fix, config)
    # checked before the libraries are loaded, which takes long
    check_files(recipe)
    try:
        return _examined(recipe, write_fix, as_json=as_json)
    except KeyboardInterrupt:
        print("sad verify: stopped", file=sys.stderr)  # noqa: T201 - beside the results, not among them
        return STOPPED


def _examined(recipe: recipes.Recipe, write_fix: Path | None, *, as_json: bool) -> int:
    from rich.console import Console

    console = Console(highlight=False)
    started = time.perf_counter()
    findings = _findings(recipe, console, moving=console.is_terminal and not as_json)

    from sad.preflight import mend, view
    from sad.preflight.finding import Level

    changes = mend.edits(findings)
    fixed = mend.mended(recipe, changes)
    if write_fix is not None:
        try:
            write_fix.write_text(toml.toml(fixed), encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {write_fix}: {error.strerror or error}; name another file") from None
    seconds = time.perf_counter() - started
    if as_json:
        sys.stdout.write(view.document(recipe, findings, changes, seconds) + "\n")
    else:
        last = view.closing(findings, seconds, str(write_fix) if write_fix else None, mendable=bool(changes))
        view.show(console, list(view.lines(recipe, findings, console.encoding)), last)
    return WRONG if any(f.level is Level.WRONG for f in findings) else FINE


def _findings(recipe: recipes.Recipe, console: Console, *, moving: bool) -> list[Finding]:
    """Load the pair and examine it; a ``moving`` line tells what is being examined."""
    with console.status("loading the pair and reading the text", spinner="line") if moving else nullcontext() as status:
        from sad.quiet import quiet_libraries

        quiet_libraries()
        from sad.preflight.bench import Bench
        from sad.preflight.examine import examine
        from sad.train.plan import make_plan

        def told(name: str) -> None:
            if status is not None:
                status.update(f"examining {name}")

        # the teacher itself is examined, also where a cache stands for it
        bench = Bench(make_plan(recipe.model_copy(update={"cache": recipes.Cache()})))
        return list(examine(bench, told))


def _writable(target: Path, config: Path | None) -> None:
    """Check before the examinations, which take minutes, and not after them. Raises UserError."""
    if config is not None and target.exists() and target.samefile(config):
        raise UserError(f"--write-fix {target} would replace the recipe that is examined: name another file")
    if target.is_dir() or not target.absolute().parent.is_dir():
        why = "it is a folder" if target.is_dir() else "there is no such folder"
        raise UserError(f"--write-fix {target}: {why}; name another file")
    if target.is_file() and target.stat().st_size:
        try:
            recipes.load(target, {})
        except UserError:
            # it may be the user's training text, which must not be overwritten
            raise UserError(f"--write-fix {target} would replace a file that is no recipe: name another file") from None
