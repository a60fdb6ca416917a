"""Pictures of the dashboard without a terminal."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sad_doctor.readers.source import Source
from sad_doctor.views.plain import line
from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.painting.svg import svg_of
from sad_doctor.views.tui.runs.snapshot import Judge


def save_picture(
    source: Source,
    judge: Judge,
    path: str | os.PathLike[str],
    size: tuple[int, int] = (160, 45),
    press: Sequence[str] = (),
    now: Callable[[], float] = time.time,
) -> None:
    """Write the dashboard as it looks after the keys ``press`` to an SVG file; ``size`` is columns and rows.

    Raises OSError if the file cannot be written, and RuntimeError when called inside a running event loop.
    """
    drawing = asyncio.run(_draw(DoctorApp(source, judge, interval=3600.0, now=now), size, press))
    Path(path).write_text(drawing, encoding="utf-8")


async def _draw(app: DoctorApp, size: tuple[int, int], press: Sequence[str]) -> str:
    async with app.run_test(size=size) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        for key in press:
            await pilot.press(key)
            await pilot.pause()
        run = app.snapshot.run if app.snapshot else None
        return svg_of(app, line(f"sad doctor {run.name if run else ''}"))
