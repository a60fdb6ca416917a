"""What is asked of the doctor beside the logs: how they are judged, and how that is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sad_doctor.finding import Level
from sad_doctor.settings import FAIL_ON, Changes, Settings
from sad_doctor.watch import Watching

FORMS = ("report", "json", "markdown", "sarif", "junit")
"""What can be written to standard output: each has a view of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """All of it; what is not given is taken from a ``sad.toml``: see :mod:`sad_doctor.settings`.

    ``form`` is one of :data:`FORMS`. ``svg`` names a file for a picture of the dashboard, ``html`` one for a page;
    without a ``form`` nothing else is shown then. ``select`` and ``ignore`` take codes, their beginnings (``R2``) or
    names of rules. ``fail_on`` is "error" or "warn". ``names`` says which column of the log is which of ours,
    ``total_steps`` how many steps the run will take, where the log does not tell. ``band`` is a name or a file,
    ``baseline`` a good run: the reports then have a section on each. ``replay``, such as ``20x``, plays finished runs
    in the dashboard. ``watching`` follows the log without the dashboard, or tells of red flags.
    """

    form: str = ""
    svg: str | Path | None = None
    html: str | Path | None = None
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    thresholds: Changes = field(default_factory=dict)
    fail_on: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    total_steps: float | None = None
    band: str | Path | None = None
    baseline: str | Path | None = None
    replay: str = ""
    watching: Watching = field(default_factory=Watching)

    @property
    def files(self) -> dict[str, str | Path]:
        """The files to write, by what goes into them."""
        return {name: path for name, path in (("svg", self.svg), ("html", self.html)) if path is not None}

    @property
    def one_log(self) -> bool:
        """Whether it takes a view that shows one log."""
        return bool(self.svg or self.html or self.watching.following or self.form not in ("", "report"))

    def check(self, paths: Sequence[str | Path]) -> None:
        """Raises ValueError for a number, or a name, of logs that cannot be answered, and for steps that are none."""
        if not paths or (len(paths) > 1 and self.one_log):
            raise ValueError(f"{len(paths)} runs: this view takes one; several go to the dashboard or to --report")
        if not all(str(one) for one in paths):
            raise ValueError("the name of a run is empty: name a folder of `sad train`, or a log file")
        if self.total_steps is not None and not 0 < self.total_steps < math.inf:
            raise ValueError(f"--total-steps {self.total_steps:g}: it is a number of steps above 0")

    def speed(self, *, dashboard: bool) -> float | None:
        """How many times as fast a run is played. Raises ValueError for what is no speed, and where none can play."""
        if not self.replay:
            return None
        from sad_doctor.views.tui.runs.replay import speed_of

        speed = speed_of(self.replay)
        if not dashboard:
            raise ValueError(
                f"--replay {self.replay}: it plays in the dashboard, which needs a terminal and no other view"
            )
        if self.watching.notifies:
            raise ValueError("--replay plays a run that is over: nobody is told of its red flags; leave --notify out")
        return speed

    def level(self, told: Settings) -> Level:
        """From which level on findings are red flags. Raises ValueError."""
        level = FAIL_ON.get(self.fail_on or told.fail_on)
        if level is None:
            raise ValueError(f"--fail-on {self.fail_on}: it is error or warn")
        return level
