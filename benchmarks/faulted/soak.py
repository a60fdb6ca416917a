"""Six hours of a run in minutes: what training and the doctor that follows it take, from the beginning to the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from faulted.follower import dashboard
from faulted.whole import lines
from faulted.world import World
from sad_doctor import names
from sad_doctor.record import Recorder

HOURS, PACE = 6.0, 1.0
"""What is stood for: so many hours, at one logged step a second."""
STEPS = int(HOURS * 3600 / PACE)
WRONG = "WRONG"
"""How a line begins that tells of a limit that was passed."""
SHORT, NARROW = 8, 8
"""Tokens of a window and width of a model, where every step is trained."""
GROWS = {"training": 3.0, "sad doctor --follow": 1.0, "dashboard": 2.0}
"""Megabytes a 1,000 records that a process may grow by in the second half. All keep every number of the record, the
training for its guards: 30 columns of 16 bytes are 0.48."""
ENOUGH = 1100
"""Records from which on a training's growth is judged. In the first hundreds, rules that wait for so many records look
for the first time, and the allocator finds its sizes: about a megabyte, which makes several a 1,000 of so few."""
SLOWER, SLACK = 2.0, 0.05
"""So many times as long, and so many seconds more, may a look take in the last tenth of the looks as in the second."""


@dataclass(slots=True)
class Watched:
    """Samples of a process: records that were there, megabytes, and seconds of the processor, all since its start."""

    name: str
    records: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)

    def sample(self, process: int, records: int) -> None:
        """Look at a process; one that has ended gives nothing."""
        try:
            status = Path(f"/proc/{process}/status").read_text()
            stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        if "VmRSS:" not in status:
            return
        self.records.append(records)
        self.megabytes.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
        self.seconds.append((int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"))

    def lines(self) -> Iterator[str]:
        """Yield the slopes over the first and the second half, once the first tenth is over, and what a look took."""
        records, memory, spent = (np.array(v) for v in (self.records, self.megabytes, self.seconds))
        if not len(records):
            yield f"{WRONG} {self.name}: no samples"
            return
        last = records[-1]
        for name, low, high in (("first half", 0.1, 0.5), ("second half", 0.5, 1.0)):
            some = (records >= low * last) & (records <= high * last)
            if some.sum() < 3:
                yield f"{WRONG} {self.name}, {name}: {some.sum()} samples are too few"
                continue
            grows, takes = (float(np.polyfit(records[some], v[some], 1)[0]) for v in (memory, spent))
            yield (
                f"{self.name:22} {name:12} {memory[some][0]:6.1f} to {memory[some][-1]:6.1f} MB, "
                f"{1000 * grows:+7.3f} MB and {1000 * takes:7.3f} s of the processor a 1,000 records"
            )
            if low == 0.5 and self.name == "training" and last < ENOUGH:
                yield f"{self.name:22} {name:12} not judged: {last:,.0f} records are fewer than {ENOUGH:,}"
            elif low == 0.5 and not 1000 * grows < GROWS[self.name]:
                yield f"{WRONG} {self.name} grows by more than {GROWS[self.name]:g} MB a 1,000 records"
        if self.looks:
            yield from self._latency()

    def _latency(self) -> Iterator[str]:
        """Yield the median of what a look took in the second tenth and in the last."""
        tenth = max(1, len(self.looks) // 10)
        early, late = (float(np.median(part)) for part in (self.looks[tenth : 2 * tenth], self.looks[-tenth:]))
        told = f"{1000 * early:.1f} ms in the second tenth, {1000 * late:.1f} ms in the last"
        yield f"{self.name:22} a look, median {told}"
        if not late < SLOWER * early + SLACK:
            yield f"{WRONG} {self.name}: a look takes longer at the end than {SLOWER:g} x that + {1000 * SLACK:g} ms"


def soak(
    world: World, trained: int, records: int = STEPS, rate: float = 250.0, minutes: float | None = None
) -> Iterator[str]:
    """Train ``trained`` steps, then go on with the record's own lines up to ``records``, ``rate`` of them a second;
    the doctor and the dashboard follow. Yield what they took, and a line with ``WRONG`` for each limit that was passed.

    Where all ``records`` are trained, the steps are the smallest that there are, and all of them are followed live;
    the training ends after so many ``minutes``, if they are given, wherever it is then.
    """
    if trained >= records:
        yield from _live(world, trained, minutes)
        return
    world.recipe(
        {"train": {"max_steps": trained, "epochs": 1e6, "eval_every": 500, "save_every": 500, "on_red_flag": "warn"}}
    )
    training = world.start("train", "--config", "run.toml")
    run = _there(world)
    doctor = _doctor(run, idle=60)
    mine, its = Watched("training"), Watched("sad doctor --follow")
    while not training.ends_within(0.5):
        count = _count(run)
        mine.sample(training.id, count)
        its.sample(doctor.pid, count)
    if code := training.wait():
        raise SystemExit(f"training ended with {code}: {training.told[-500:]}")
    yield from mine.lines()
    yield from _steps(run)
    board = Watched("dashboard")
    ended = threading.Event()
    writer = threading.Thread(target=_go_on, args=(run, trained, records, rate, ended))
    writer.start()
    _watch(run, board, its, doctor.pid, ended)
    writer.join()
    yield from _followed(run, board, its, doctor)


def _live(world: World, trained: int, minutes: float | None) -> Iterator[str]:
    """Train every step; the doctor and the dashboard follow from the first to the last."""
    _shrink(world)
    seldom = max(1, trained // 20)
    small = {"batch_size": 1, "eval_every": seldom, "save_every": seldom, "grad_shares_every": 0}
    hours = {} if minutes is None else {"max_hours": minutes / 60}
    world.recipe(
        {
            "data": {"max_length": SHORT, "eval_windows": 1},
            "terms.layerwise": {"weight": 0.0},
            "train": {"max_steps": trained, "epochs": 1e6, "on_red_flag": "warn", **small, **hours},
        }
    )
    training = world.start("train", "--config", "run.toml")
    run = _there(world)
    doctor = _doctor(run, idle=600)
    mine, its, board = Watched("training"), Watched("sad doctor --follow"), Watched("dashboard")
    ended = threading.Event()

    def wait() -> None:
        while not training.ends_within(1.0):
            mine.sample(training.id, _count(run))
        ended.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    _watch(run, board, its, doctor.pid, ended, pause=4.0)
    waiter.join()
    if code := training.wait():
        raise SystemExit(f"training ended with {code}: {training.told[-500:]}")
    yield from mine.lines()
    yield from _steps(run)
    yield from _followed(run, board, its, doctor)


def _shrink(world: World) -> None:
    """Put models of one block in place of the world's, as narrow as they can be."""
    from sad import tiny

    for side, vocabulary, sharpness in (("teacher", 400, 8.0), ("student", 320, 1.0)):
        size = tiny.reader(vocabulary).size
        made: Any = tiny.model(size, layers=1, width=NARROW, seed=len(side), sharpness=sharpness)
        made.save_pretrained(world.folder / side)


def _doctor(run: Path, idle: int) -> subprocess.Popen[bytes]:
    """Start the doctor as one would who has installed nothing else; what it says is not kept."""
    words = [sys.executable, "-m", "sad_doctor", str(run), "--follow", "--ignore", "R308", "--idle", str(idle)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def _followed(run: Path, board: Watched, doctor: Watched, process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield what the two that follow took, and how the doctor ended."""
    code = process.wait(120.0)
    yield from doctor.lines()
    yield from board.lines()
    size = (run / "metrics.jsonl").stat().st_size / 1e6
    yield f"the doctor's exit code: {code}; {_count(run):,} records, {size:.1f} MB"
    if code not in (0, 1):
        yield f"{WRONG} the doctor did not end with a verdict"


def _go_on(run: Path, first: int, last: int, rate: float, ended: threading.Event) -> None:
    """Write what was logged over and over again, as later steps."""
    known = [line for line in lines(run) if names.LOSS in line]
    began, start = time.monotonic(), time.time()
    with Recorder(run, {names.TOTAL_STEPS: last}, resume=True) as recorder:
        for step in range(first + 1, last + 1):
            values = {k: v for k, v in known[step % len(known)].items() if k not in ("step", "time")}
            recorder.log(step, values, start + (step - first) / PACE)
            if step % 50 == 0:
                recorder.heartbeat()
                time.sleep(max(0.0, began + (step - first) / rate - time.monotonic()))
    ended.set()


def _watch(
    run: Path, board: Watched, doctor: Watched, process: int, ended: threading.Event, pause: float = 0.5
) -> None:
    """Follow with the dashboard, ``pause`` seconds between two looks, and sample both that follow."""
    with dashboard(run, pause, board.looks) as its:
        while not ended.wait(max(pause, 2.0)):
            count = _count(run)
            board.sample(its, count)
            doctor.sample(process, count)


def _there(world: World) -> Path:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = world.folder / "runs" / "latest"
        if (found / "events.jsonl").exists():
            return found.resolve()
        time.sleep(0.1)
    raise SystemExit("the run has not begun")


def _count(run: Path) -> int:
    with (run / "metrics.jsonl").open("rb") as file:
        return sum(1 for _ in file)


def _steps(run: Path) -> Iterator[str]:
    """Yield the median seconds of a step in the second tenth and in the last: those are what the run felt."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    times = np.diff([line["time"] for line in found if names.LOSS in line])
    tenth = len(times) // 10
    early, late = float(np.median(times[tenth : 2 * tenth])), float(np.median(times[-tenth:]))
    yield f"{'a step, median':22} {1000 * early:.1f} ms in the second tenth, {1000 * late:.1f} ms in the last"
