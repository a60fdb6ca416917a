"""Kills training with SIGKILL, goes on, kills again, until it ends; compares the end with a run that nobody killed."""

from __future__ import annotations

import os
import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from faulted import hooks, whole, world
from faulted.moments import KINDS, Kind, Sizes
from faulted.start import Before, Process
from faulted.world import World

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
    """A run that nobody killed: its folder, how much it did, the files of its student."""

    run: Path
    sizes: Sizes
    files: set[str]


class Killer:
    """Draws moments from a seed, and holds each run to what a kill may not do."""

    def __init__(self, world: World, seed: int, wanted: Mapping[str, int]) -> None:
        self.world, self.random, self.counts, self.wanted = world, random.Random(seed), Counts(), wanted
        self.kinds = [kind for kind in KINDS if wanted.get(kind.name)]
        self.reference = {n: self._reference(n) for n in sorted({kind.processes for kind in self.kinds})}

    def kill(self, most: int, seconds: float) -> Counts:
        """Kill ``most`` times, each kind as often as is wanted at most, or until ``seconds`` are over."""
        until = time.monotonic() + seconds
        while self.counts.kills.total() < most and time.monotonic() < until and self._open():
            self._run(most)
        return self.counts

    def _open(self, processes: int | None = None) -> list[Kind]:
        """Return the kinds that are wanted more often, of so many processes where it is given."""
        left = [kind for kind in self.kinds if self.counts.kills[kind.name] < self.wanted[kind.name]]
        return [kind for kind in left if processes in (None, kind.processes)]

    def _draw(self, kinds: list[Kind]) -> Kind:
        return self.random.choices(kinds, [kind.weight for kind in kinds])[0]

    def _reference(self, processes: int) -> Reference:
        runs, report = f"never-{processes}", self.world.folder / f"operations-{processes}"
        words = ("train", "--config", "run.toml", "--output", runs)
        # once without the clock, so that nothing is imported for the first time
        for before in (partial(hooks.note_operations, report, f"{runs}/"), None):
            shutil.rmtree(self.world.folder / runs, ignore_errors=True)
            began = time.monotonic()
            codes, told = together(self.world, words, processes, before)
            seconds = time.monotonic() - began
            if any(codes):
                raise SystemExit(f"the run that nobody kills ended with {codes}: {told}")
        (run,) = (p for p in (self.world.folder / runs).iterdir() if not p.is_symlink())
        lines = report.read_text(encoding="utf-8").splitlines()
        renames, calls = (sum(line.startswith(f"{kind} ") for line in lines) for kind in (hooks.RENAME, hooks.CALL))
        operations = [line for line in lines if not line.startswith("(")]
        sizes = Sizes(seconds, len(operations), renames, sum("student" in line for line in operations), calls)
        return Reference(run, sizes, {p.name for p in (run / "student").iterdir()})

    def _run(self, most: int) -> None:
        """One run, killed some times in a row."""
        counts = self.counts
        chain = min(self.random.randint(1, LONGEST), most - counts.kills.total())
        kind = self._draw(self._open())
        processes = kind.processes
        runs = f"runs-{counts.ends}"
        shutil.rmtree(self.world.folder / runs, ignore_errors=True)
        history: list[str] = []
        for life in range(chain + 1):
            run, known = self._newest(runs)
            resumed = run is not None and known is not None
            if run is not None and not resumed:
                counts.anew += 1
            words = ("train", "--resume", str(run)) if resumed else ("train", "--config", "run.toml", "--output", runs)
            # the next kill of this run may be of another kind, with as many processes
            kinds = [kind] if life == 0 else self._open(processes)
            if life == chain or not kinds:
                codes, told = together(self.world, words, processes, None)
                break
            kind = self._draw(kinds)
            killed, codes, told, what = self._life(kind, runs, words)
            history.append(what)
            if not killed:
                break
            counts.kills[kind.name] += 1
            run, _ = self._newest(runs)
            if run is not None:
                files = self.reference[processes].files
                self._wrong(history, whole.after_a_kill(run, known if resumed else None, files))
        counts.ends += 1
        print(f"{counts.ends} ends, {counts.kills.total()} kills: {dict(counts.kills)}", flush=True)
        run, _ = self._newest(runs)
        if any(codes) or run is None:
            self._wrong(history, iter([f"the run did not end well, {codes}: {told[-3000:]}"]))
        else:
            self._wrong(history, whole.against(run, self.reference[processes].run))

    def _life(self, kind: Kind, runs: str, words: tuple[str, ...]) -> tuple[bool, list[int], str, str]:
        """Start, kill; return whether it was killed, the exit codes, what was printed, and what was done."""
        draw, sizes = self.random, self.reference[kind.processes].sizes
        which = draw.randrange(kind.processes) if kind.either else 0
        if kind.draw is None:
            at = draw.uniform(0.1, 1.0) * sizes.seconds
            started = _start(self.world, words, kind.processes, None)
            if not started[which].ends_within(at):
                started[which].kill()
            what = f"after {at:.2f} s"
        else:
            before = kind.draw(draw, sizes, f"{runs}/")
            started = _start(self.world, words, kind.processes, before, which)
            started[which].ends_within(HANGS)
            what = str(before.args)  # type: ignore[attr-defined]
        codes = self._others(started, which)
        told = "".join(one.told for one in started)
        return codes[which] == -9, codes, told, f"{kind.name}, process {which}, {what}"

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


def _start(
    world: World, words: tuple[str, ...], processes: int, before: Before | None, which: int = 0
) -> list[Process]:
    """Start one process, or several as a launcher does; ``before`` is called in the one with the number ``which``."""
    if processes == 1:
        return [world.start(*words, before=before)]
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = str(one.getsockname()[1])
    joined = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = [{**joined, "RANK": str(i), "LOCAL_RANK": str(i)} for i in range(processes)]
    return [world.start(*words, env=rank, before=before if i == which else None) for i, rank in enumerate(ranks)]


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


def lane(folder: Path, seed: int, kills: int, wanted: Mapping[str, int], seconds: float) -> Counts:
    """Kill in a world of its own, ``kills`` times, each kind as often as is ``wanted``, until ``seconds`` are over."""
    return Killer(world.make(folder / f"world-{seed}"), seed, wanted).kill(kills, seconds)
