"""What `sad cache` does: writes the teacher's output to disk, and prints how far it is."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sad.errors import Stopped, UserError
from sad.quiet import quiet_libraries
from sad.recipe import schema as recipes
from sad.recipe.schema import Cache, Recipe
from sad.train.output import patient_console
from sad.train.output import say as print_line
from sad.train.processes import failure
from sad.train.saving import disk
from sad_doctor.sanitize import sanitize

if TYPE_CHECKING:
    from sad.cache.part import Part
    from sad.cache.writer import Source, Written
    from sad.train.plan import Plan

PAUSE = 5.0
"""Seconds between two lines where there is no terminal."""
TRIAL = 3
"""Batches that are timed to forecast the rest."""


def cache_teacher(config: Path | None, flags: Mapping[str, Any], sets: Sequence[str], *, dry_run: bool) -> int:
    """Write a cache, go on with one, or only tell size and time; return the exit code. Raises UserError, Stopped."""
    recipe = recipes.load(config, recipes.merged(sets, flags))
    if recipe.cache.path is None:
        raise UserError("name the folder of the cache: sad cache --cache FOLDER")
    if failure.world()[1] > 1:
        raise UserError("sad cache is one process: start it without accelerate launch or torchrun")
    signal.signal(signal.SIGTERM, _terminated)
    folder = Path(recipe.cache.path).expanduser()
    # before anything slow is loaded, and of a dry run too: it answers for the cache that it stands for
    if why := disk.refusal(folder):
        raise UserError(f"cannot write the cache to {folder}: {why}; choose another place with --cache")
    try:
        return _run(recipe, folder, dry_run=dry_run)
    except (KeyboardInterrupt, Stopped) as stop:
        number = stop.signal if isinstance(stop, Stopped) else signal.SIGINT
        told = (
            "stopped; the same command goes on from the last whole file"
            if folder.exists()
            else "stopped before anything was written"
        )
        raise Stopped(told, number) from None


def _terminated(number: int, _frame: object) -> None:
    raise Stopped("told to end", number)


def _run(recipe: Recipe, folder: Path, *, dry_run: bool) -> int:
    console = patient_console(quiet=False)
    quiet_libraries()
    from sad.cache import manifest
    from sad.cache.writer import Written, check_hashes, write
    from sad.train.plan import check_cache, make_plan

    def say(line: str) -> None:
        print_line(console, sanitize(line))

    with console.status("loading the pair and reading the text") if console.is_terminal else contextlib.nullcontext():
        plan = make_plan(recipe.model_copy(update={"cache": Cache()}), beforehand=True)
        if not dry_run and (folder / manifest.WHOLE).is_file():
            from sad.cache.reader import open_cache

            # of a stream it may hold more than the steps take
            check_cache(plan.within(found := open_cache(str(folder))), found, recipe.cache)
            found.check_layers(_layers(recipe, plan))
            check_hashes(folder, found.manifest)
            # the writer was killed between its last two actions
            (folder / manifest.PARTIAL).unlink(missing_ok=True)
            say(f"{folder} is whole, and holds all that is asked for: {found.told()}")
            return 0
        source, parts = _planned(recipe, plan.whole())
        key = {**plan.key(_layers(recipe, plan)), "k": _k(parts), "bits": _bits(parts)}
    for line in _described(parts):
        say(line)
    _room(folder, parts)
    total = sum(part.rows for part in parts.values())
    if dry_run:
        say(_ahead(source, parts, total))
        return 0
    started = time.monotonic()
    with _watch(console, Written(total), say) as done:
        write(folder, key, parts, source, done)
    size = sum(file.stat().st_size for file in folder.iterdir())
    say(f"{folder}: {_bytes(size)}, {size / total:.1f} bytes a boundary, in {time.monotonic() - started:,.0f} s")
    say(f"train from it with: sad train --cache {shlex.quote(str(folder))} and the same recipe and flags")
    return 0


def _layers(recipe: Recipe, plan: Plan) -> set[int]:
    """The teacher's blocks whose states are kept."""
    return plan.layers_of(recipe.terms.layerwise.layers) if recipe.cache.states else plan.layers


def _planned(recipe: Recipe, plan: Plan) -> tuple[Source, dict[str, Part]]:
    import torch

    from sad.cache.part import HELD_OUT, TRAIN
    from sad.cache.writer import Source, plan_parts
    from sad.distiller import Distiller
    from sad.models.forward import text_config
    from sad.train.precision import autocast

    pair, asked = plan.pair, recipe.cache
    examples = {TRAIN: plan.train, HELD_OUT: plan.held_out}
    parts = plan_parts(
        examples,
        pair.vocab.student_size,
        recipe.terms.kd.temperature,
        k=asked.k,
        bits=asked.bits,
        blocks=sorted(_layers(recipe, plan)),
        width=text_config(pair.teacher).hidden_size,
        shard_rows=asked.shard,
    )
    distiller = Distiller(pair.student, pair.teacher.to(plan.device), pair.vocab, recipe.terms)

    def context() -> torch.autocast:
        return autocast(plan.precision, plan.device)

    return Source(distiller, pair.readers, examples, recipe.train.batch_size, context), parts


def _k(parts: Mapping[str, Part]) -> int:
    return parts["train"].layout.lists[0][1]


def _bits(parts: Mapping[str, Part]) -> int:
    return parts["train"].layout.bits


def _described(parts: Mapping[str, Part]) -> Iterator[str]:
    train, size = parts["train"], sum(part.size for part in parts.values())
    files = sum(1 for part in parts.values() for _ in part.shards())
    states = f", states of block {', '.join(map(str, train.layout.blocks))}" if train.layout.blocks else ""
    yield (
        f"{len(train.offsets) - 1:,} windows, {train.rows:,} common boundaries: {_k(parts)} of "
        f"{train.layout.vocabulary:,} tokens and the rest{states}, {train.layout.size} bytes each"
    )
    yield f"{_bytes(size)} in {files:,} file{'s' * (files != 1)}, held-out text included"


def _room(folder: Path, parts: Mapping[str, Part]) -> None:
    """Raise UserError where the disk has too little room; what is written already counts."""
    above = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    there = sum(file.stat().st_size for file in folder.iterdir()) if folder.is_dir() else 0
    wanted, free = sum(part.size for part in parts.values()) - there, shutil.disk_usage(above).free
    if wanted > free:
        raise UserError(
            f"the cache takes {_bytes(wanted)}, and {above} has room for {_bytes(free)}: make room, or set a smaller "
            "cache.k, or leave out the states"
        )


def _ahead(source: Source, parts: Mapping[str, Part], total: int) -> str:
    """Time a few batches, and say how long the rest will take."""
    part, size = parts["train"], source.batch_size
    every = source.examples["train"]
    # the first one warms up
    source.records(part, every[:size])
    started, rows = time.perf_counter(), 0
    for batch in range(TRIAL):
        at = batch * max(1, len(every) // TRIAL)
        rows += len(source.records(part, every[at : at + size]))
    seconds = (time.perf_counter() - started) / max(1, rows) * total
    return f"about {timedelta(seconds=max(1, round(seconds)))} on this machine"


@contextlib.contextmanager
def _watch(console: Console, done: Written, say: Any) -> Iterator[Written]:  # noqa: ANN401 - a callable
    """A bar on a terminal, a line every few seconds elsewhere."""
    if console.is_terminal and not console.is_dumb_terminal:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[s]}"),
        )
        with Progress(*columns, console=console, expand=True) as bar:
            task, started = bar.add_task("", total=done.total, s=""), time.monotonic()

            def move(now: Written) -> None:
                speed = (now.rows - now.kept) / max(1e-3, time.monotonic() - started)
                bar.update(task, completed=now.rows, s=f"{speed:,.0f} boundaries/s")

            done.tell = move
            yield done
        return
    last = time.monotonic()

    def line(now: Written) -> None:
        nonlocal last
        if time.monotonic() - last >= PAUSE or now.rows == now.total:
            last = time.monotonic()
            say(f"{now.rows:,} of {now.total:,} boundaries" + (f", {now.kept:,} were there" if now.kept else ""))

    done.tell = line
    yield done


def _bytes(size: float) -> str:
    return next(
        (f"{size / unit:,.1f} {name}" for unit, name in ((1e9, "GB"), (1e6, "MB")) if size >= unit),
        f"{size / 1e3:,.1f} kB",
    )
