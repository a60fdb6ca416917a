"""How long a terminal program takes until it has drawn a log whole: the dashboard and W&B's, on the same `.wandb` file.

    python benchmarks/drawn.py [--records 20000 200000] --peers /path/to/python

Each runs on a terminal of its own of 160x50. What counts is the processor time of the program and its threads, from its
start until it rests: two seconds of the clock in which it used less than a twentieth. Drawing goes on while it reads,
so that this is the time to the last point. Beside it is the clock at the last 400 bytes that came before this rest:
a chart is longer, a clock in a header shorter. The programs run in turn, so many times; of each figure the least.
``--peers`` is an interpreter that has wandb; ``--before`` another checkout, measured in the same turns.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from bytecode import installed
from doctor import ROOT, write_wandb

REST = 2.0
"""Seconds of the clock in which a program that has drawn all uses nearly nothing."""
STARTED = 0.2
"""Processor seconds that a program has used before it can have drawn anything: one that waits for a disk rests too."""
TICK = os.sysconf("SC_CLK_TCK")
LONGEST = 90.0
CHART = 400
"""Bytes of the least that is a chart: a clock in a header takes fewer."""
Figures = tuple[float, float, float]
"""Processor seconds until it rests, seconds of the clock to the last chart, the largest memory in MB."""


def used(process: int) -> tuple[float, float]:
    """Return processor seconds and the largest memory in MB of a process."""
    status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    peak = next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return (int(status[11]) + int(status[12])) / TICK, int(peak.split()[1]) / 1024


def drawn(command: list[str], folder: Path, root: Path) -> Figures:
    """Run a program on a terminal until it rests; return what it took up to then."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    env = installed() | {
        "PYTHONPATH": str(root),
        "TERM": "xterm-256color",
        "HOME": str(folder),
        "SAD_CACHE": "/dev/null",
    }
    env |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    begun = time.monotonic()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=folder, start_new_session=True
    ) as child:
        os.close(theirs)
        looks = [(begun, *used(child.pid))]
        written: list[tuple[float, int]] = []
        while True:
            if select.select([ours], [], [], 0.05)[0]:
                written.append((time.monotonic(), len(os.read(ours, 1 << 16))))
            now = time.monotonic()
            if now - looks[-1][0] < 0.05:
                continue
            looks.append((now, *used(child.pid)))
            before = [look for look in looks if now - look[0] >= REST]
            if before and before[-1][1] >= STARTED and looks[-1][1] - before[-1][1] < REST / 20:
                break
            if now - looks[0][0] > LONGEST:
                child.kill()
                raise SystemExit(f"{command[0]} did not rest within {LONGEST:.0f} s, having used {looks[-1][1]:.2f} s")
        child.kill()
    os.close(ours)
    return before[-1][1], last(written, before[-1][0]) - begun, before[-1][2]


def last(written: list[tuple[float, int]], rest: float) -> float:
    """Return the moment of the last write of a chart before a rest."""
    drawn = [moment for moment, told in written if told >= CHART and moment <= rest]
    if not drawn:
        raise SystemExit("nothing was drawn")
    return drawn[-1]


def core(python: str) -> str:
    """Return the program that `wandb leet` starts."""
    told = "import pathlib, wandb; print(pathlib.Path(wandb.__file__).parent / 'bin' / 'wandb-core')"
    return subprocess.run([python, "-c", told], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--peers", default=sys.executable, help="an interpreter with wandb")
    parser.add_argument("--before", type=Path, help="another checkout of ours, measured in turn")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    print("| records | program | processor, s | ratio | clock, s | ratio | MB |")
    print("|---|---|---|---|---|---|---|")
    for records in given.records:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            run = str(write_wandb(place / "run-a.wandb", records))
            leet = [core(given.peers), "leet", "run", "--no-observability", "--run-file", run, folder]
            mine = [sys.executable, "-m", "sad_doctor", run]
            programs = {"W&B's": (leet, ROOT), "dashboard": (mine, ROOT)}
            if given.before is not None:
                programs["dashboard before"] = (mine, given.before.resolve())
            found: dict[str, list[Figures]] = {name: [] for name in programs}
            for _ in range(given.times):
                for name, (command, root) in programs.items():
                    found[name].append(drawn(command, place, root))
        least = {name: tuple(min(column) for column in zip(*rounds, strict=True)) for name, rounds in found.items()}
        peer = least["W&B's"]
        for name, (processor, clock, memory) in least.items():
            print(f"| {records:,} | {name} | {processor:.2f} | {processor / peer[0]:.2f} | ", end="")
            print(f"{clock:.2f} | {clock / peer[1]:.2f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
