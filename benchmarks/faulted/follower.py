"""The dashboard on a run, driven without a terminal in a process of its own: `python follower.py RUN PAUSE`.

A look and a key, a line with the look's seconds, then ``PAUSE`` seconds; it ends when its input does.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

KEYS = ("plus", "0", "l", "s")


async def follow(run: Path, pause: float, told: Callable[[float], object], ended: threading.Event) -> None:
    """Follow a run until it has ended, and tell what each look took, in seconds."""
    from sad_doctor.check import check
    from sad_doctor.readers import open_log
    from sad_doctor.views.tui.app import DoctorApp

    app = DoctorApp(open_log(run), check, interval=3600.0)
    async with app.run_test(size=(160, 45)) as pilot:
        looks = 0
        while not ended.is_set():
            began = time.monotonic()
            app.tick()
            await app.workers.wait_for_complete()
            told(time.monotonic() - began)
            await pilot.press(KEYS[looks % len(KEYS)])
            await pilot.pause()
            looks += 1
            await asyncio.sleep(pause)


@contextmanager
def dashboard(run: Path, pause: float, looks: list[float]) -> Iterator[int]:
    """Yield the number of a process that follows with the dashboard, and add what each of its looks takes to
    ``looks``; it ends with the block. Raises SystemExit if it has not followed to the end.
    """
    words = [sys.executable, __file__, str(run), str(pause)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        reader = threading.Thread(target=lambda: looks.extend(map(float, process.stdout or ())))
        reader.start()
        try:
            yield process.pid
        finally:
            assert process.stdin is not None
            process.stdin.close()
            reader.join()
    if process.returncode:
        raise SystemExit(f"the dashboard ended with {process.returncode}")


def main(run: str, pause: str) -> None:
    """Follow until the input ends."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    asyncio.run(follow(Path(run), float(pause), lambda seconds: print(seconds, file=sys.__stdout__, flush=True), ended))


if __name__ == "__main__":
    main(*sys.argv[1:])
