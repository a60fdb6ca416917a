"""Opens the dashboard on one run, on several, on a folder to choose from, or on a replay."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path

from sad_doctor.finding import Report
from sad_doctor.readers.source import Source
from sad_doctor.run import Run
from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.ending import Ending
from sad_doctor.views.tui.painting.garbage import YOUNG
from sad_doctor.views.tui.runs.replay import Replay


def launch(
    sources: Sequence[Source],
    judge: Callable[[Run], Report],
    *,
    glance: Callable[[Run], Report] | None = None,
    choices: Sequence[Path] = (),
    opener: Callable[[Path], Source] | None = None,
    speed: float | None = None,
    beside: Sequence[Source] = (),
) -> list[Report]:
    """Show the runs until the user leaves; returns the verdicts on those that were open last.

    ``glance`` judges those that are only looked at while one chooses; ``judge``, if it is None.

    ``speed`` plays them so many times as fast as they ran; the verdicts are on the whole of them. ``beside`` are runs
    to compare with, such as a baseline: drawn whole, and not among the verdicts. Raises SystemExit with 143 where
    SIGTERM ended it.
    """

    def shown(source: Source) -> Source:
        return source if speed is None else Replay(source, speed)

    def opened(path: Path) -> Source:
        assert opener is not None
        return shown(opener(path))

    ending = Ending()

    def started() -> None:
        ending.listen(app.exit)
        _started()

    app = DoctorApp(
        [*(shown(source) for source in sources), *(beside if sources else ())],
        judge,
        glance=glance,
        choices=choices,
        opener=opened if opener else None,
        label="" if speed is None else f"REPLAY {speed:g}x",
        started=started,
    )
    before = gc.get_threshold()
    gc.disable()
    try:
        with ending.heard():
            app.run()
    finally:
        gc.set_threshold(*before)
        gc.enable()
        gc.unfreeze()
    judged = [source for source in app.open_runs.sources if source not in beside]
    return [judge(source.whole() if isinstance(source, Replay) else source.run()) for source in judged]


def _started() -> None:
    """Collect garbage from now on, but never again what the start made: that takes longer than a frame."""
    gc.freeze()
    gc.set_threshold(*YOUNG)
    gc.enable()
