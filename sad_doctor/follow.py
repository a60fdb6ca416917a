"""Follows a log as it grows: a longer run each time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

from sad_doctor import names
from sad_doctor.readers import open_log
from sad_doctor.run import Run

OVER = frozenset({"finished", "interrupted", "crashed"})
"""Statuses after which a run logs no more."""


def follow(
    path: str | os.PathLike[str], interval: float = 0.5, sleep: Callable[[float], object] = time.sleep
) -> Iterator[Run]:
    """Yield the run at once, then each time that its log has grown; look every ``interval`` seconds.

    Ends when the run says that it is over and a further look finds nothing new: programs print on after an error
    that they caught. A run that was killed without a word is followed until the caller stops.
    Raises Unreadable if there is no such log.
    """
    source = open_log(path)
    source.poll()
    run = source.run()
    yield run
    while True:
        sleep(interval)
        if source.poll():
            run = source.run()
            yield run
        elif run.facts.get(names.STATUS) in OVER:
            return
