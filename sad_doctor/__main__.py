"""``python -m sad_doctor RUN``: the doctor alone, without `sad` and without torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from sad_doctor import main, settings
from sad_doctor.readers import Unreadable
from sad_doctor.request import Request
from sad_doctor.sanitize import sanitize
from sad_doctor.visit import HEALTHY, UNREADABLE, refuse
from sad_doctor.watch import Watching

_FORMS = {
    "report": "text, also on a terminal",
    "json": "strict JSON",
    "markdown": "Markdown, for a pull request",
    "sarif": "SARIF 2.1.0, for a code host",
    "junit": "JUnit XML, for a CI system",
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as `sad doctor` does: the usage of so many options would hide it."""

    def error(self, message: str) -> NoReturn:
        told = sanitize(" ".join(message.removeprefix("argument ").split()), 400)
        self.exit(UNREADABLE, f"sad doctor: {told} (--help lists the options)\n")

    def refuse(self, problem: object) -> NoReturn:
        """End with a line that says all there is to say."""
        self.exit(UNREADABLE, f"sad doctor: {problem}\n")


def parser() -> _Parser:
    """Return the parser of the command line."""
    made = _Parser(
        prog="python -m sad_doctor",
        allow_abbrev=False,
        description="Judge the log of a training run: 0 healthy, 1 red flags, 2 cannot read, 3 nothing to judge.",
        epilog="example: %(prog)s train.log --report",
    )
    made.add_argument("run", metavar="RUN", nargs="*", help="run folder, or log file; several are compared")
    forms = made.add_mutually_exclusive_group()
    for form, told in _FORMS.items():
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form, default="", help=told)
    made.add_argument("--html", metavar="FILE", help="write the report with charts as one page")
    made.add_argument("--svg", metavar="FILE", help="write a picture of the dashboard")
    made.add_argument("--replay", metavar="20x", default="", help="play a finished run in the dashboard")
    made.add_argument("--fail-on", choices=settings.FAIL_ON, default=None, help="what makes the exit code 1")
    made.add_argument("--map", metavar="THEIRS=OURS", action="append", default=[], help="my_kl=train/raw/kd")
    made.add_argument("--total-steps", type=float, metavar="N", help="how many steps the run will take")
    made.add_argument("--select", metavar="RULE", action="append", default=[], help="only these: R101, R2, a name")
    made.add_argument("--ignore", metavar="RULE", action="append", default=[], help="not these")
    made.add_argument(
        *("--set", "--threshold"),
        dest="threshold",
        metavar="RULE.NAME=N",
        action="append",
        default=[],
        help="another threshold: R203.share=0.9",
    )
    made.add_argument("--band", metavar="NAME|FILE", help="lay the run beside a band: seed, or a TOML file")
    made.add_argument("--follow", action="store_true", help="go on until the run ends, without the dashboard")
    made.add_argument("--idle", type=float, metavar="SECONDS", help="end --follow after so long without news")
    made.add_argument(
        "--notify", metavar="URL|COMMAND", action="append", default=[], help="tell of each red flag, once"
    )
    made.add_argument("--baseline", metavar="RUN", help="lay the run beside a good one")
    made.add_argument(
        "--explain", metavar="RULE", help="print the page of a rule, with what it measured in RUN if given"
    )
    return made


def run(arguments: Sequence[str] | None = None, program: str = "") -> int:
    """Run the doctor on command-line arguments; return the exit code. ``program`` is what it is called in its help."""
    made = parser()
    made.prog = program or made.prog
    given = made.parse_args(arguments)
    try:
        thresholds, columns = settings.thresholds(given.threshold), main.renaming(given.map)
    except ValueError as problem:
        made.refuse(problem)
    if given.explain is not None and given.run:
        return _explain(given.explain, given.run[0], thresholds)
    if given.explain is not None:
        page = main.explain(given.explain)
        if page is None:
            made.refuse(f"no red flag {sanitize(given.explain, 100)}; {settings.nearest(given.explain)}")
        sys.stdout.write(page)
        return HEALTHY
    if not given.run:
        made.refuse("name a run: a folder of `sad train`, or a log file (--help lists the options)")
    try:
        watching = Watching(following=given.follow, idle=given.idle, notify=given.notify)
    except ValueError as problem:
        made.refuse(problem)
    asked = Request(
        form=given.form,
        svg=given.svg,
        html=given.html,
        select=given.select,
        ignore=given.ignore,
        thresholds=thresholds,
        fail_on=given.fail_on,
        names=columns,
        total_steps=given.total_steps,
        band=given.band,
        baseline=given.baseline,
        replay=given.replay,
        watching=watching,
    )
    with watching:
        return main.run_doctor(given.run, asked)


def _explain(code: str, path: str, thresholds: dict[str, dict[str, float]]) -> int:
    try:
        sys.stdout.write(main.explain_run(code, path, thresholds))
    except (ValueError, Unreadable) as problem:
        return refuse(problem)
    return HEALTHY


if __name__ == "__main__":
    sys.exit(run())
