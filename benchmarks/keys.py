"""What a key costs in the dashboard as it runs: a process of its own on a terminal, no driver of tests in it.

    python benchmarks/keys.py [--records 100000] [--sizes 80x24 220x60] [--times 8] [--root OTHER_CHECKOUT]

A key is written to the terminal; what the program then writes is read until it is silent. For each kind of key: the
median and the worst processor time of the process and all its threads, the least time of the clock from the key to the
last byte, and the bytes of a key. The clock counts whatever else the machine does, so of the clock the least is told.
The first press of each key is left out, and told as such.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from bytecode import installed
from dashboard import GROUPS, write
from doctor import ROOT

SENT = {
    **{"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "shift+left": "\x1b[1;2D"},
    **{"tab": "\t", "shift+tab": "\x1b[Z", "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "escape": "\x1b[27u"},
    **{"plus": "+", "minus": "-", "greater_than_sign": ">", "less_than_sign": "<", "question_mark": "?"},
    **{"slash": "/", "backspace": "\x7f", "f12": "\x1b[24~"},
}
"""What a terminal sends for a key; escape as those of the newer protocol do, after which nobody waits for more."""
SILENT = 0.12
"""Seconds without a byte after which a key has been answered."""
OPENED = 9.0
"""Seconds in which the log is read and judged, and the pages are made ready."""
Took = tuple[float, float, int]
"""Of a key: ms of the processor, ms of the clock to the last byte, bytes."""


def spent(process: int) -> float:
    """Return ms of processor time of a process and its threads."""
    total = 0
    for thread in Path(f"/proc/{process}/task").iterdir():
        total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e6


def silent(terminal: int, seconds: float, longest: float = 2.0) -> tuple[int, float]:
    """Read until nothing comes for so long, at most ``longest``; return bytes and the time of the last."""
    read, last = 0, time.perf_counter()
    end = last + longest
    while time.perf_counter() < end and select.select([terminal], [], [], seconds)[0]:
        read += len(os.read(terminal, 1 << 16))
        last = time.perf_counter()
    return read, last


def pressed(terminal: int, process: int, key: str) -> Took:
    """Press a key, and wait for its answer."""
    before, begun = spent(process), time.perf_counter()
    os.write(terminal, SENT.get(key, key).encode())
    read, last = silent(terminal, SILENT)
    return spent(process) - before, 1e3 * (last - begun), read


def measured(log: Path, size: tuple[int, int], times: int, root: Path) -> dict[str, list[list[Took]]]:
    """Return for each kind of key what each press took: a list a round."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    env = installed() | {"PYTHONPATH": str(root), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "sad_doctor", str(log)]
    found: dict[str, list[list[Took]]] = {}
    with subprocess.Popen(
        command, cwd=root, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    ) as child:
        os.close(theirs)
        silent(ours, OPENED, OPENED)
        for kind, (first, keys) in GROUPS.items():
            for _ in range(times):
                pressed(ours, child.pid, first)
                found.setdefault(kind, []).append([pressed(ours, child.pid, key) for key in keys])
        child.kill()
    os.close(ours)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--sizes", nargs="+", default=["220x60"], help="of the terminal, in cells")
    parser.add_argument("--times", type=int, default=8, help="so many times each key")
    parser.add_argument("--root", type=Path, default=ROOT, help="another checkout to measure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        write(log, given.records)
        for told in given.sizes:
            across, _, down = told.partition("x")
            print(f"| {told}, {given.records:,} records | first, ms | median | worst | clock, least | bytes |")
            print("|---|---|---|---|---|---|")
            for kind, rounds in measured(log, (int(across), int(down)), given.times, given.root.resolve()).items():
                late = [took for one in rounds[1:] for took in one]
                processor = [took[0] for took in late]
                clock = max(min(one[at][1] for one in rounds[1:]) for at in range(len(rounds[0])))
                first = max(took[0] for took in rounds[0])
                read = statistics.median(took[2] for took in late)
                print(
                    f"| {kind.replace('the driver of the test', 'what a key takes at least')} | {first:.1f} | "
                    f"{statistics.median(processor):.1f} | {max(processor):.1f} | {clock:.1f} | {read:,.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
