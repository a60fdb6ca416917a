"""Kills training with SIGKILL, goes on, kills again, until it ends; compares the end with a run that nobody killed."""

from __future__ import annotations

import os
import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from faulted import hooks, whole, world
from faulted.start import Before, Process
from faulted.world import World

KINDS = ("any moment", "file operation", "export", "log line", "checkpoint", "evaluation", "two processes")
WEIGHTS = (4, 6, 2, 3, 3, 2, 4)
LONGEST = 4
"""Kills in a row of one run."""
PATIENCE = 20.0
"""Seconds in which the other of two processes should end by itself."""
HANGS = 900.0
"""Seconds after which a run that nobody killed hangs, however busy the machine is."""


@dataclass(slots=True)
class Counts:
    """What was done and what went wrong, by kind of moment."""

    kills: Counter[str] = field(default_factory=Counter)
    anew: int = 0
    ends: int = 0
    alone: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        """Count what another one has counted too."""
        self.kills.update(other.kills)
        self.wrong += other.wrong
        self.anew, self.ends, self.alone = self.anew + other.anew, self.ends + other.ends, self.alone + other.alone


@dataclass(frozen=True, slots=True)
class Reference:
    """A run that nobody killed: its folder, how long it took, what it did to its folder."""

    run: Path
    seconds: float
    operations: int
    in_student: int
    files: set[str]


class Killer:
    """Draws moments from a seed, and holds each run to what a kill may not do."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.random, self.counts = world, random.Random(seed), Counts()
        self.reference = {n: self._reference(n) for n in (1, 2)}

    def kill(self, most: int, seconds: float) -> Counts:
        """Kill ``most`` times, or until ``seconds`` are over."""
        until = time.monotonic() + seconds
        while self.counts.kills.total() < most and time.monotonic() < until:
            self._run(most)
        return self.counts

    def _reference(self, processes: int) -> Reference:
        runs, report = f"never-{processes}", self.world.folder / f"operations-{processes}"
        words = ("train", "--config", "run.toml", "--output", runs)
        # once without the clock, so that nothing is imported for the first time
        hook = partial(hooks.note_operations, report, f"{runs}/") if processes == 1 else None
        for before in (hook, None):
            shutil.rmtree(self.world.folder / runs, ignore_errors=True)
            began = time.monotonic()
            codes, told = together(self.world, words, processes, before)
            seconds = time.monotonic() - began
            if any(codes):
                raise SystemExit(f"the run that nobody kills ended with {codes}: {told}")
        (run,) = (p for p in (self.world.folder / runs).iterdir() if not p.is_symlink())
        lines = report.read_text(encoding="utf-8").splitlines() if hook else []
        student = sum("student" in line for line in lines)
        return Reference(run, seconds, len(lines), student, {p.name for p in (run / "student").iterdir()})

    def _run(self, most: int) -> None:
        """One run, killed some times in a row."""
        counts = self.counts
        chain = min(self.random.randint(1, LONGEST), most - counts.kills.total())
        kind = self.random.choices(KINDS, WEIGHTS)[0]
        processes = 2 if kind == "two processes" else 1
        runs = f"runs-{counts.ends}"
        shutil.rmtree(self.world.folder / runs, ignore_errors=True)
        history: list[str] = []
        for life in range(chain + 1):
            run, known = self._newest(runs)
            resumed = run is not None and known is not None
            if run is not None and not resumed:
                counts.anew += 1
            words = ("train", "--resume", str(run)) if resumed else ("train", "--config", "run.toml", "--output", runs)
            if life == chain:
                codes, told = together(self.world, words, processes, None)
                break
            killed, codes, told, what = self._life(kind, runs, words, processes)
            history.append(what)
            if not killed:
                break
            counts.kills[kind] += 1
            run, _ = self._newest(runs)
            if run is not None:
                files = self.reference[processes].files
                self._wrong(history, whole.after_a_kill(run, known if resumed else None, files))
            # the next kill of this run may be of another kind, with as many processes
            kind = kind if processes == 2 else self.random.choices(KINDS[:-1], WEIGHTS[:-1])[0]
        counts.ends += 1
        print(f"{counts.ends} ends, {counts.kills.total()} kills: {dict(counts.kills)}", flush=True)
        run, _ = self._newest(runs)
        if any(codes) or run is None:
            self._wrong(history, iter([f"the run did not end well, {codes}: {told[-3000:]}"]))
        else:
            self._wrong(history, whole.against(run, self.reference[processes].run))

    def _life(self, kind: str, runs: str, words: tuple[str, ...], processes: int) -> tuple[bool, list[int], str, str]:
        """Start, kill; return whether it was killed, the exit codes, what was printed, and what was done."""
        draw, known = self.random, self.reference[processes]
        if kind in ("any moment", "two processes"):
            at, which = draw.uniform(0.1, 1.0) * known.seconds, draw.randrange(processes)
            started = _start(self.world, words, processes, None)
            if not started[which].ends_within(at):
                started[which].kill()
            codes = self._others(started, which)
            told = "".join(one.told for one in started)
            return codes[which] == -9, codes, told, f"{kind}, process {which} after {at:.2f} s"
        makers: dict[str, Callable[[], Before]] = {
            "file operation": lambda: partial(hooks.at_operation, f"{runs}/", draw.randint(1, known.operations)),
            "export": lambda: partial(hooks.at_operation, "student", draw.randint(1, known.in_student)),
            "log line": lambda: partial(hooks.torn_line, draw.randint(1, 42), draw.random()),
            "checkpoint": lambda: partial(hooks.torn_tensors, draw.randint(1, 12), draw.random()),
            "evaluation": lambda: partial(hooks.in_evaluation, draw.randint(1, 24)),
        }
        before = makers[kind]()
        codes, told = together(self.world, words, 1, before)
        return codes[0] == -9, codes, told, f"{kind} {before.args}"  # type: ignore[attr-defined]

    def _others(self, started: list[Process], which: int) -> list[int]:
        """Wait for all; one that waits for a dead one for ever is counted, and ended as a launcher would."""
        for number, one in enumerate(started):
            if number == which or one.ends_within(PATIENCE):
                continue
            self.counts.alone += 1
            os.kill(one.id, 15)
            if not one.ends_within(PATIENCE):
                one.kill()
        return [one.wait() for one in started]

    def _newest(self, runs: str) -> tuple[Path | None, int | None]:
        folder = self.world.folder / runs
        made = sorted(p for p in folder.iterdir() if not p.is_symlink() and p.is_dir()) if folder.is_dir() else []
        if not made:
            return None, None
        # names of one second end in -2, -3, ...: the newest is the one that was made last
        run = max(made, key=lambda p: p.stat().st_ctime_ns if not (p / "recipe.toml").exists() else _born(p))
        return run, whole.newest(run)

    def _wrong(self, history: list[str], found: Iterator[str]) -> None:
        for one in found:
            self.counts.wrong.append(f"{'; '.join(history)}: {one}")
            print(self.counts.wrong[-1], flush=True)


def _born(run: Path) -> int:
    return (run / "recipe.toml").stat().st_mtime_ns


def _start(world: World, words: tuple[str, ...], processes: int, before: Before | None) -> list[Process]:
    """Start one process, or several as a launcher does."""
    if processes == 1:
        return [world.start(*words, before=before)]
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = str(one.getsockname()[1])
    joined = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = [{**joined, "RANK": str(i), "LOCAL_RANK": str(i)} for i in range(processes)]
    return [world.start(*words, env=rank, before=before) for rank in ranks]


def together(world: World, words: tuple[str, ...], processes: int, before: Before | None) -> tuple[list[int], str]:
    """Start as many processes of one run, wait for them; return their exit codes and what they printed."""
    started = _start(world, words, processes, before)
    codes, problem = [], ""
    for one in started:
        try:
            codes.append(one.wait(HANGS))
        except TimeoutError as error:
            codes.append(one.wait())
            problem = str(error)
    return codes, problem or "".join(one.told for one in started)


def lane(folder: Path, seed: int, kills: int, seconds: float) -> Counts:
    """Kill in a world of its own, ``kills`` times or until ``seconds`` are over."""
    return Killer(world.make(folder / f"world-{seed}"), seed).kill(kills, seconds)
