"""What the dashboard costs on long runs: a tick of following, a key, the first paint. Prints a table in Markdown.

    python benchmarks/dashboard.py [--records 100000 1000000] [--sizes 80x24 120x40 220x60]

A tick appends eight records to a JSON-lines log of 12 columns, reads them, and repaints charts and shares.
A key counts from the press to the screen at rest. The first row of keys is one that does nothing: what the driver of
the test takes, which is in all others. Judging runs at its own pace in a thread and is shown apart.
The first paint is that of a new process on a terminal, as a ratio to ``python -c "import textual.app"``. All times are
processor time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import os
import pty
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bytecode import installed

from sad_doctor.check import check
from sad_doctor.readers import open_log
from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.painting.garbage import YOUNG
from sad_doctor.views.tui.runs import snapshot as snapshots

TERMS = ("kd", "lm", "layerwise", "attention")
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "no key of ours: the driver of the test": ("1", ("f12",)),
    "cursor: left, right, ten to the left": ("1", ("left", "right", "shift+left")),
    "closer, farther, earlier, later, all": (
        "1",
        ("plus", "minus", "plus", "greater_than_sign", "less_than_sign", "0"),
    ),
    "smooth, log scale, next metric": ("1", ("s", "l", "m")),
    "tab, shift+tab": ("1", ("tab", "tab", "tab", "tab", "tab", "shift+tab", "shift+tab", "shift+tab")),
    "1, 2, 3, 4: another pane": ("1", ("2", "3", "4", "1")),
    "5, 6, 7, 1: another page": ("1", ("5", "6", "7", "1")),
    "z: one pane alone, and back": ("1", ("z", "z")),
    "down, up in the findings; unfold, fold": ("4", ("down", "up", "right", "left")),
    "down, up in the rules": ("5", ("down", "up")),
    "a page up, down in the log": ("6", ("pageup", "pagedown")),
    "help, and back": ("1", ("question_mark", "escape")),
    "filter: open, a letter, take it back, close": ("4", ("slash", "a", "backspace", "escape")),
}
"""What is pressed first, and the keys that are measured."""


def row(step: int, records: int, noise: random.Random) -> str:
    base = 1 + 2 * math.exp(-4 * step / records)
    parts = {term: base * (0.2 + 0.1 * n) * (1 + 0.1 * noise.random()) for n, term in enumerate(TERMS)}
    told = {f"train/weighted/{term}": round(value, 5) for term, value in parts.items()}
    told |= {f"train/raw/{term}": round(2 * value, 5) for term, value in parts.items()}
    told |= {
        "train/loss": round(sum(parts.values()), 5),
        "train/lr": 3e-4,
        "train/grad_norm": round(1 + noise.random(), 4),
    }
    return json.dumps({"step": step, "time": 1.7e9 + 0.3 * step, **told})


def write(path: Path, records: int) -> random.Random:
    noise = random.Random(1)
    with path.open("w") as file:
        for step in range(records):
            file.write(row(step, records, noise) + "\n")
    return noise


IDLE = 4.0
"""Seconds that somebody looks at the first screen before a key is pressed."""
Row = dict[str, float]
Keys = dict[str, tuple[float, float, float]]
"""Of each group of keys the worst of the first presses, then the median and the worst of all others, in ms."""


def paint(app: DoctorApp) -> None:
    """Paint every row of both charts and of the shares, as the compositor would."""
    for widget in (app.board.loss, app.board.metric, app.board.shares.bands, app.board.shares.bars):
        for y in range(widget.size.height):
            widget.render_line(y)


def timed(do: Callable[[], object]) -> float:
    """Return milliseconds of processor time: other programs on the machine do not count."""
    begun = time.process_time()
    do()
    return 1e3 * (time.process_time() - begun)


async def follow(
    path: Path, records: int, noise: random.Random, ticks: int, times: int, size: tuple[int, int]
) -> tuple[Row, Keys]:
    judging: list[float] = []

    def judge(run: object) -> object:
        begun = time.process_time()
        report = check(run)  # type: ignore[arg-type]
        judging.append(1e3 * (time.process_time() - begun))
        return report

    def draw(found: snapshots.Snapshot) -> None:
        app.board.show(found)
        paint(app)

    app = DoctorApp(open_log(path), judge, interval=3600.0)  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        while app.snapshot is None or app.snapshot.opened < 1:
            await app.workers.wait_for_complete()
            await pilot.pause()
            app.tick()
        await app.workers.wait_for_complete()
        await pilot.pause(IDLE)
        gc.freeze()  # as the program does once it has started
        gc.set_threshold(*YOUNG)
        watch = app.open_runs._watches[0]
        watch._judge_at = math.inf
        reads, paints = [], []
        for tick in range(ticks):
            with path.open("a") as file:
                file.writelines(row(records + 8 * tick + n, records, noise) + "\n" for n in range(8))
            looked: list[snapshots.Snapshot | None] = []
            reads.append(timed(lambda: looked.append(watch.look())))  # noqa: B023
            assert looked[0] is not None
            paints.append(timed(partial(draw, looked[0])))
            await pilot.pause()
        keys = {}
        for name, (first, group) in GROUPS.items():
            took = []
            for _ in range(times):
                await pilot.press(first)
                for key in group:
                    begun = time.process_time()
                    await pilot.press(key)
                    await pilot.pause()
                    took.append(1e3 * (time.process_time() - begun))
            late = took[len(group) :]
            keys[name] = (max(took[: len(group)]), statistics.median(late), max(late))
    found = {
        "read": statistics.median(reads),
        "paint": statistics.median(paints),
        "worst paint": max(paints),
        "judge": statistics.median(judging),
    }
    return found, keys


def first_paint(times: int) -> tuple[float, float]:
    """Return processor seconds up to the first painted screen and of importing Textual, the least of several."""
    root = Path(__file__).parents[1]
    env = {**installed(), "PYTHONPATH": str(root), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    dashboard = [sys.executable, "-m", "sad_doctor", str(root / "fixtures" / "runs" / "run2.log")]
    textual = [sys.executable, "-c", "import textual.app"]
    painted = min(_spent(lambda: _until_painted(dashboard, env)) for _ in range(times + 1))
    return painted, min(_spent(lambda: subprocess.run(textual, check=True, env=env)) for _ in range(times + 1))


def _until_painted(command: list[str], env: dict[str, str]) -> None:
    """Run a program on a terminal of its own until it has painted the names of its panes."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    ) as child:
        os.close(theirs)
        seen = b""
        while b"Findings" not in seen:
            seen = seen[-20:] + os.read(ours, 65536)
        child.kill()
    os.close(ours)


def _spent(do: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    do()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--ticks", type=int, default=20)
    parser.add_argument("--sizes", nargs="+", default=["220x60"], help="of the terminal, in cells")
    parser.add_argument("--times", type=int, default=5, help="so many times each key")
    given = parser.parse_args()
    measured = {}
    for records in given.records:
        for told in given.sizes:
            across, _, down = told.partition("x")
            size = int(across), int(down)
            with tempfile.TemporaryDirectory() as folder:
                log = Path(folder) / "log.jsonl"
                found = asyncio.run(follow(log, records, write(log, records), given.ticks, given.times, size))
            measured[f"{records:,} records, {told}"] = found
    print("| processor time, median, ms | " + " | ".join(measured) + " |")
    print("|---|" + "---|" * len(measured))
    for what in next(iter(measured.values()))[0]:
        print(f"| {what} | " + " | ".join(f"{one[what]:.1f}" for one, _ in measured.values()) + " |")
    for what, (_, keys) in measured.items():
        print(f"\n| key, ms, {what} | first | median | worst |\n|---|---|---|---|")
        for name, took in keys.items():
            print(f"| {name} | " + " | ".join(f"{one:.1f}" for one in took) + " |")
    painted, imported = first_paint(5)
    print(f"\nFirst paint {painted:.2f} s, import of textual.app {imported:.2f} s: {painted / imported:.1f} times.")


if __name__ == "__main__":
    main()
