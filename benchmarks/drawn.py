"""How long a terminal program takes until it has drawn a log whole: the dashboard and W&B's, on the same `.wandb` file.

    python benchmarks/drawn.py [--records 20000 200000] --peers /path/to/python

Each runs on a terminal of its own of 160x50. What counts is the processor time of the program and its threads, from its
start until it rests: two seconds of the clock in which it used less than a twentieth. Drawing goes on while it reads,
so that this is the time to the last point. The least of three. ``--peers`` is an interpreter that has wandb.
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


def used(process: int) -> tuple[float, float]:
    """Return processor seconds and the largest memory in MB of a process."""
    status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    peak = next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return (int(status[11]) + int(status[12])) / TICK, int(peak.split()[1]) / 1024


def drawn(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a program on a terminal until it rests; return its processor seconds up to then and its memory in MB."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    env = installed() | {
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "HOME": str(folder),
        "SAD_CACHE": "/dev/null",
    }
    env |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=folder, start_new_session=True
    ) as child:
        os.close(theirs)
        looks = [(time.monotonic(), *used(child.pid))]
        while True:
            if select.select([ours], [], [], 0.05)[0]:
                os.read(ours, 1 << 16)
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
    return before[-1][1:]


def core(python: str) -> str:
    """Return the program that `wandb leet` starts."""
    told = "import pathlib, wandb; print(pathlib.Path(wandb.__file__).parent / 'bin' / 'wandb-core')"
    return subprocess.run([python, "-c", told], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--peers", default=sys.executable, help="an interpreter with wandb")
    given = parser.parse_args()
    leet = [core(given.peers), "leet", "run", "--no-observability", "--run-file"]
    print("| records | dashboard, s | MB | W&B's, s | MB | ratio |")
    print("|---|---|---|---|---|---|")
    for records in given.records:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            run = str(write_wandb(place / "run-a.wandb", records))
            mine = min(drawn([sys.executable, "-m", "sad_doctor", run], place) for _ in range(3))
            theirs = min(drawn([*leet, run, folder], place) for _ in range(3))
        print(f"| {records:,} | {mine[0]:.2f} | {mine[1]:.0f} | {theirs[0]:.2f} | {theirs[1]:.0f} | ", end="")
        print(f"{mine[0] / max(theirs[0], 1 / TICK):.2f} |", flush=True)


if __name__ == "__main__":
    main()
