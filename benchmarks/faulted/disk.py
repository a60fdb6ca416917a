"""Disks that are full, read-only, or changed by somebody else while a run goes on. Needs root to mount small ones."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from faulted import whole
from faulted.kills import together
from faulted.world import STEPS, World
from sad_doctor import names

TRAIN = ("train", "--config", "run.toml")
SMALL = 4 << 20
"""Bytes of a file system that a run fits into many times."""


@contextmanager
def small(place: Path, size: int = SMALL) -> Iterator[Path]:
    """Mount a file system of so many bytes. Raises CalledProcessError where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True, capture_output=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def read_only(place: Path) -> None:
    """Lay a view of a folder over itself that cannot be written; what is open already still can."""
    for more in ("--bind", "-o bind,remount,ro"):
        words = ["mount", *more.split(), *([str(place)] if more == "--bind" else []), str(place)]
        subprocess.run(words, check=True, capture_output=True)


def fill(place: Path) -> None:
    """Take the last byte."""
    with suppress(OSError), (place / "filler").open("ab", buffering=0) as file:
        for block in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(block))


def at_steps(what: dict[int, Callable[[], object]]) -> None:
    """In the process of a run: do something before some of its steps, counted from 0."""
    from sad.train import loop
    from sad.train.optimizer import set_learning_rate as real

    def set_learning_rate(optimizer: Any, step: int, *more: Any) -> float:
        if step in what:
            what.pop(step)()
        return real(optimizer, step, *more)

    patch.object(loop, "set_learning_rate", set_learning_rate).start()


def the_run(runs: Path) -> Path:
    """Return the only run in a folder of runs."""
    (run,) = (p for p in runs.iterdir() if p.is_dir() and not p.is_symlink())
    return run


def in_run(runs: Path, what: Callable[[Path], object]) -> None:
    """Do something to the only run in a folder of runs."""
    what(the_run(runs))


def occupy(run: Path) -> None:
    """Put a file where the checkpoints should be."""
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
    (run / "checkpoints").write_text("in the way")


def in_the_way(run: Path) -> None:
    """Put a file where the student should be."""
    (run / "student").write_text("in the way")


class Disks:
    """Goes through the faults; yields what is wrong with each."""

    def __init__(self, world: World) -> None:
        self.world, self.runs = world, world.folder / "runs"
        code, told = world.run(*TRAIN, "--output", "never")
        if code:
            raise SystemExit(told)
        self.never = the_run(world.folder / "never")

    def every(self, only: str = "") -> Iterator[tuple[str, list[str]]]:
        """Yield the name of each fault that holds ``only``, and what was not as it must be."""
        for name in (n for n in dir(self) if n.startswith("fault_") and only.replace(" ", "_") in n):
            shutil.rmtree(self.runs, ignore_errors=True)
            self.runs.unlink(missing_ok=True) if self.runs.is_symlink() or self.runs.is_file() else None
            with ExitStack() as stack:
                yield name.removeprefix("fault_").replace("_", " "), list(getattr(self, name)(stack))

    def _train(self, steps: dict[int, Callable[[], object]] | None = None, *words: str) -> tuple[int, str]:
        return self.world.run(*(words or TRAIN), before=partial(at_steps, steps) if steps else None)

    def _same(self, exact: bool = True) -> Iterator[str]:
        run = the_run(self.runs)
        if exact:
            yield from (one for one in whole.against(run, self.never) if "event warning" not in one)
        elif (run / "student/model.safetensors").read_bytes() != (
            self.never / "student/model.safetensors"
        ).read_bytes():
            yield "the student is another"

    def fault_full_from_step_6_to_14(self, stack: ExitStack) -> Iterator[str]:
        stack.enter_context(small(self.runs))
        free = partial(os.unlink, self.runs / "filler")
        code, told = self._train({6: partial(fill, self.runs), 14: free})
        yield from wanted(code, told, 0, "the record cannot be written", "None of its lines is lost".lower(),
                          "the checkpoint could not be written")  # fmt: skip
        yield from self._same()

    def fault_full_from_step_6_to_14_for_two_processes(self, stack: ExitStack) -> Iterator[str]:
        stack.enter_context(small(self.runs))
        free = partial(Path.unlink, self.runs / "filler", missing_ok=True)
        hook = partial(at_steps, {6: partial(fill, self.runs), 14: free})
        codes, told = together(self.world, TRAIN, 2, hook)
        yield from wanted(max(codes), told, 0, "none of its lines is lost", "the checkpoint could not be written")
        steps = [line["step"] for line in whole.lines(the_run(self.runs)) if names.LOSS in line]
        if steps != list(range(1, STEPS + 1)):
            yield f"the steps on record are {steps}"

    def fault_full_from_step_6_to_the_end(self, stack: ExitStack) -> Iterator[str]:
        stack.enter_context(small(self.runs))
        code, told = self._train({6: partial(fill, self.runs)})
        yield from wanted(
            code, told, 2, "the record cannot be written", "lines of the record are lost", "; make room, then"
        )
        os.unlink(self.runs / "filler")
        code, told = self._train(None, "train", "--resume", str(the_run(self.runs)))
        yield from wanted(code, told, 0)
        yield from self._same()

    def fault_room_for_two_checkpoints_and_not_for_three(self, stack: ExitStack) -> Iterator[str]:
        one = sum(
            -(-p.stat().st_size // 4096) * 4096 for p in whole_files(self.never / "checkpoints" / "step-00000024")
        )
        stack.enter_context(small(self.runs, 2 * one + 160 * 1024))
        code, told = self._train()
        yield from wanted(code, told, 0)
        yield from self._same()

    def fault_no_room_for_the_recipe(self, stack: ExitStack) -> Iterator[str]:
        stack.enter_context(small(self.runs))
        fill(self.runs)
        yield from wanted(*self._train(), 2, "No space left on device")

    def fault_no_room_for_the_prepared_text(self, stack: ExitStack) -> Iterator[str]:
        place = stack.enter_context(small(self.world.folder / "full"))
        fill(place)
        yield from wanted(*self._train(None, *TRAIN, "--set", "data.cache=full"), 2, "make room, or set data.cache")

    def fault_no_room_for_the_teacher_s_cache(self, stack: ExitStack) -> Iterator[str]:
        place = stack.enter_context(small(self.world.folder / "full"))
        fill(place)
        words = ("cache", "--config", "run.toml", "--cache", "full/cache")
        yield from wanted(*self._train(None, *words), 2, "room")
        os.unlink(place / "filler")
        yield from wanted(*self._train(None, *words), 0)

    def fault_read_only_from_step_6(self, stack: ExitStack) -> Iterator[str]:
        stack.callback(lambda: subprocess.run(["umount", "-l", str(the_run(self.runs))], capture_output=True))
        code, told = self._train({6: partial(in_run, self.runs, read_only)})
        yield from wanted(code, told, 2, "Read-only file system", "put that right, then go on from step 4")
        again = ("train", "--resume", str(the_run(self.runs)))
        yield from wanted(*self._train(None, *again), 2, "Read-only file system; put that right")
        subprocess.run(["umount", "-l", str(the_run(self.runs))], check=True)
        yield from wanted(*self._train(None, *again), 0)
        yield from self._same()

    def fault_read_only_from_the_start(self, stack: ExitStack) -> Iterator[str]:
        self.runs.mkdir()
        read_only(self.runs)
        stack.callback(lambda: subprocess.run(["umount", "-l", str(self.runs)], check=True))
        yield from wanted(*self._train(), 2, "choose another place with --output")

    def fault_folder_deleted_at_step_6(self, _: ExitStack) -> Iterator[str]:
        code, told = self._train({6: partial(in_run, self.runs, shutil.rmtree)})
        yield from wanted(code, told, 0, "the run's folder was deleted while it ran")
        yield from self._same(exact=False)
        again = ("train", "--resume", str(the_run(self.runs)))
        yield from wanted(*self._train(None, *again), 0)

    def fault_a_file_in_place_of_the_runs(self, _: ExitStack) -> Iterator[str]:
        self.runs.write_text("a file")
        yield from wanted(*self._train(), 2, "runs is a file; choose another place with --output")

    def fault_a_file_in_place_of_the_checkpoints(self, _: ExitStack) -> Iterator[str]:
        code, told = self._train({2: partial(in_run, self.runs, occupy)})
        yield from wanted(code, told, 0, "the checkpoint could not be written", "File exists", "there is none yet")
        yield from self._same(exact=False)

    def fault_a_file_in_place_of_the_student(self, _: ExitStack) -> Iterator[str]:
        code, told = self._train({2: partial(in_run, self.runs, in_the_way)})
        yield from wanted(code, told, 0)
        yield from self._same()

    def fault_broken_latest(self, _: ExitStack) -> Iterator[str]:
        latest = self.runs / "latest"
        makes: dict[str, Callable[[], object]] = {
            "dangling": lambda: latest.symlink_to("gone"),
            "loop": lambda: latest.symlink_to("latest"),
            "file": lambda: latest.write_text("x"),
            "folder": lambda: latest.mkdir(),
        }
        for kind, make in makes.items():
            shutil.rmtree(self.runs, ignore_errors=True)
            self.runs.mkdir()
            make()
            code, told = self._train(None, "train", "--resume", "runs/latest")
            yield from (f"{kind}, resumed: {one}" for one in wanted(code, told, 2, "runs/latest"))
            code, told = self._train(None, *TRAIN, "--max-steps", "2")
            words = ("it is left as it is",) if kind in ("file", "folder") else ()
            yield from (f"{kind}: {one}" for one in wanted(code, told, 0, *words))
            made = [p for p in self.runs.iterdir() if p.name != "latest"]
            if not words and latest.resolve() != made[0].resolve():
                yield f"{kind}: latest does not lead to the run"


def whole_files(folder: Path) -> Iterator[Path]:
    """Return the files of a folder."""
    return (p for p in folder.iterdir() if p.is_file())


def wanted(code: int, told: str, expected: int, *words: str) -> Iterator[str]:
    """Yield what is not as expected: the exit code, the words, one line for a mistake, no traceback."""
    if code != expected:
        yield f"exit code {code}, not {expected}: {told[-600:]}"
    for one in words:
        if one not in told:
            yield f"it does not say {one!r}: {told[-600:]}"
    if "Traceback" in told:
        yield f"a traceback: {told[-600:]}"
    if expected == 2 and sum(line.startswith("sad: ") for line in told.splitlines()) != 1:
        yield f"not one line: {told[-600:]}"
