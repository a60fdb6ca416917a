"""The pictures of the dashboard in docs/images: ``python docs/screens.py [FOLDER OF THE REAL RUN]``.

Unlike the plots they are not compared with what is on the page: a new rule changes a count in each of them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from sad_doctor.check import check
from sad_doctor.readers import open_log
from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.painting.svg import svg_of

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "fixtures" / "runs"
LARGE, SMALL = (160, 45), (80, 24)

SCREENS: dict[str, tuple[tuple[str, ...], tuple[int, int], tuple[str, ...]]] = {
    "doctor-sick-run.svg": (("postmortem.log",), LARGE, ()),
    "doctor-80x24.svg": (("postmortem.log",), SMALL, ()),
    "doctor-compare.svg": (("healthy", "metrics.csv"), LARGE, ("1", "end", *["shift+left"] * 2, *["left"] * 4)),
}
"""The runs, the size of the terminal in cells, and the keys of each picture."""


async def drawn(paths: Sequence[Path], size: tuple[int, int], keys: Sequence[str]) -> str:
    """Return the dashboard as SVG after some keys."""
    app = DoctorApp([open_log(path) for path in paths], check, interval=3600.0)
    async with app.run_test(size=size) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        name = app.snapshot.run.name if app.snapshot and len(paths) == 1 else ""
        return svg_of(app, f"sad doctor {name}".strip())


def main(words: Sequence[str]) -> int:
    """Draw the pictures."""
    wanted: dict[str, tuple[list[Path], tuple[int, int], tuple[str, ...]]]
    wanted = {name: ([RUNS / run for run in runs], size, keys) for name, (runs, size, keys) in SCREENS.items()}
    if words:
        wanted["doctor-real-run.svg"] = ([Path(words[0])], LARGE, ())
    for name, (paths, size, keys) in wanted.items():
        text = asyncio.run(drawn(paths, size, keys))
        (ROOT / "docs" / "images" / name).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
