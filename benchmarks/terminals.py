"""The dashboard beside other terminal programs: what they take until they are painted, for a key, and of memory.

    python benchmarks/terminals.py dashboard="python -m sad_doctor RUN" posting=VENV/bin/posting btop="btop --utf-force"

Each is started on a terminal of its own, one after the other, and the whole round three times; of each figure the
least. Painted is the processor time up to the first moment at which 2,000 bytes were written and nothing came for a
tenth of a second; then sixteen keys, tab and down in turn, each until nothing comes for as long: the median of their
processor time and bytes. What a program does of its own meanwhile, such as the refreshing of a monitor, is in it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import shlex
import statistics
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path

from bytecode import installed
from doctor import ROOT
from keys import SILENT, pressed, silent, spent

PAINTED = 2_000
"""Bytes without which a screen is not painted yet: what a program asks of its terminal is shorter."""
LONGEST = 20.0
"""Seconds of the clock in which a program must have painted."""
KEYS = ("tab", "down") * 8
Figures = tuple[float, float, float, float]
"""Processor ms until it is painted, processor ms of a key, bytes of a key, MB."""


def memory(process: int) -> float:
    """Return MB of a process that are in memory now."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


def measured(command: str, size: tuple[int, int], home: str) -> Figures:
    """Return what a program takes. Raises SystemExit where it paints nothing."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    env = installed() | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLORTERM": "truecolor", "HOME": home}
    with subprocess.Popen(
        shlex.split(command), stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    ) as child:
        os.close(theirs)
        written, end = 0, time.monotonic() + LONGEST
        try:
            while written < PAINTED and time.monotonic() < end:
                written += silent(ours, SILENT)[0]
        except OSError:  # it has ended
            written = 0
        if written < PAINTED:
            child.kill()
            raise SystemExit(f"{command} has painted nothing, in at most {LONGEST:.0f} s")
        painted = spent(child.pid)
        silent(ours, 2.0, 6.0)  # what it makes ready once it is painted
        took = [pressed(ours, child.pid, key) for key in KEYS]
        resident = memory(child.pid)
        child.kill()
    os.close(ours)
    return painted, statistics.median(t[0] for t in took), statistics.median(t[2] for t in took), resident


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", metavar="NAME=COMMAND")
    parser.add_argument("--size", default="120x40", help="of the terminal, in cells")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    across, _, down = given.size.partition("x")
    programs = dict(one.split("=", 1) for one in given.programs)
    found: dict[str, list[Figures]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as home:
        for _ in range(given.times):
            for name, command in programs.items():
                found[name].append(measured(command, (int(across), int(down)), home))
    print(f"| {given.size} | painted, ms | a key, ms | bytes of a key | MB |\n|---|---|---|---|---|")
    for name, rounds in found.items():
        painted, key, told, resident = (min(column) for column in zip(*rounds, strict=True))
        print(f"| {name} | {painted:.0f} | {key:.1f} | {told:,.0f} | {resident:.0f} |")


if __name__ == "__main__":
    main()
