"""The report for people: first the sentence that a good colleague would say, then the proof."""

from __future__ import annotations

import math
import os
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TextIO

from sad_doctor import names, words
from sad_doctor.finding import Finding, Level, Report, Story
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize
from sad_doctor.sealed import sealed
from sad_doctor.views import beside

SILENT = 600.0
"""Seconds without a sign of life after which a run that says it is running is called silent."""

WIDTH = 80
WIDEST = 100

_OF_READING = frozenset({"raw-is-weighted"})
"""Hints on how to read the log, which say nothing about the run."""
_FEW = "too-few-records"
"""The hint that there is too little, which is said already where that comes first."""
_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.INFO: "cyan"}


@sealed
class _Line:
    """A paragraph: ``lead`` (ours) and ``text`` (perhaps from the log); further lines hang under the text."""

    text: str = ""
    lead: str = ""
    style: str = ""
    lead_style: str = ""


def render(run: Run, report: Report, width: int = WIDTH) -> str:
    """Return the report as plain text, no line longer than ``width`` (at least 20), ending with a newline."""
    lines = [lead + text for line in _lines(run, report) for lead, text in _wrapped(line, width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def show(run: Run, report: Report, file: TextIO | None = None) -> None:
    """Write the report to ``file`` (standard output): in colours on a terminal, else plain.

    NO_COLOR, TERM=dumb and a stream that is no terminal give plain text. What the stream's encoding cannot spell is
    replaced by question marks.
    """
    out = sys.stdout if file is None else file
    width = _width(out)
    if not _colours(out):
        encoding = out.encoding or "utf-8"
        out.write(render(run, report, width).encode(encoding, "replace").decode(encoding))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, width=width, highlight=False, markup=False, emoji=False)
    for line in _lines(run, report):
        for lead, text in _wrapped(line, width):
            console.print(
                Text(lead, line.lead_style).append(text, line.style), no_wrap=True, crop=False, soft_wrap=True
            )


def verdict(report: Report) -> str:
    """Return the first sentence of a report: the headline of the worst cause or hint, or how much is in order."""
    if report.crashed:
        broken = f"{_rules(len(report.crashed))} of the doctor itself crashed, so this report is not complete."
        return broken if not _alarming(report) else f"{report.stories[0].finding.headline} Besides, {broken}"
    if _alarming(report):
        return report.stories[0].finding.headline
    if report.unread:
        return f"{words.capital(report.unread)}. {verdict(replace(report, unread=''))}"
    if report.little:
        seen = _doubt(report, but=_FEW)
        return f"Too little to judge: {report.little}.{f' But a hint: {seen}' if seen else ''}"
    if not report.judged:
        return "Nothing could be judged: the log has none of the series that the rules need."
    untold = f"; {len(report.not_checked)} could not judge" if report.not_checked else ""
    passed = f"{_rules(len(report.passed))} passed{untold}."
    if doubt := _doubt(report):
        # a doubt is no alarm, but whoever reads only this line must not think that all is well
        return f"No red flag, but a hint: {doubt} {words.capital(passed)}"
    return f"Nothing wrong found: {passed}"


def not_checked(report: Report) -> Iterator[tuple[str, str]]:
    """Yield rules and why they could not judge; those with one reason stand together, by their codes."""
    reasons: dict[str, list[str]] = {}
    for one in report.not_checked:
        reasons.setdefault(one.reason, []).append(f"{one.rule} {one.name}")
    for reason, rules in reasons.items():
        yield rules[0] if len(rules) == 1 else ", ".join(rule.split()[0] for rule in rules), reason


def _rules(count: int) -> str:
    return f"{count} rule{'' if count == 1 else 's'}"


def _doubt(report: Report, but: str = "") -> str:
    """The headline of the first hint at the training itself, and nothing where there is none."""
    told = (story.finding for story in report.stories if story.finding.name not in {*_OF_READING, but})
    return next((finding.headline for finding in told), "")


def _alarming(report: Report) -> bool:
    return bool(report.stories) and report.stories[0].finding.level > Level.INFO


def _lines(run: Run, report: Report) -> Iterator[_Line]:
    sound = "bold green" if report.judged else "bold"
    yield _Line(verdict(report), style=sound if report.worst is None else _STYLES[report.worst])
    yield _Line()
    yield _Line(about(run), style="dim")
    for index, story in enumerate(report.stories):
        yield _Line()
        yield from _story(story, with_headline=index > 0 or not _alarming(report))
    for comparison in report.comparisons:
        yield _Line()
        yield _Line(comparison.title, style="bold")
        yield _Line(comparison.headline, lead="  ")
        yield from (_Line(line, lead="  - ") for line in beside.lines(comparison))
    if report.passed:
        yield _Line()
        yield _Line(", ".join(report.passed), lead="Passed: ", lead_style="bold")
    for title, items in (
        ("Not checked:", list(not_checked(report))),
        ("Rules that crashed, to be reported:", [(f"{c.rule} {c.name}", c.error) for c in report.crashed]),
        ("Notes of the reader:", [("", note) for note in run.notes]),
    ):
        if items:
            yield _Line()
            yield _Line(title, style="bold")
        for name, text in items:
            yield _Line(text, lead=f"  {name}: " if name else "  - ", lead_style="dim" if name else "")


def about(run: Run) -> str:
    """Return what the run is, in a line: name, format, records, step, status."""
    records = max((len(c) for c in run.columns.values()), default=0)
    facts = [run.name, run.format, words.counted(records, "record")]
    total = run.fact(names.TOTAL_STEPS)
    if run.last_step >= 0:
        facts.append(f"{run.unit} {words.step(run.last_step)}" + (f" of {words.step(total)}" if total else ""))
    status = run.facts.get(names.STATUS)
    if status and status != "unknown":
        facts.append(f"{status}{_silence(run) if status == 'running' else ''}")
    return " · ".join(facts)


def _silence(run: Run) -> str:
    beat = run.fact(names.HEARTBEAT)
    silent = 0.0 if beat is None or not math.isfinite(beat) else time.time() - beat
    return f", but silent for {words.duration(silent)}" if silent > SILENT else ""


def _story(story: Story, with_headline: bool) -> Iterator[_Line]:
    yield from _finding(story.finding, "", with_headline)
    if story.consequences:
        yield _Line("and that explains:", lead="  ", style="dim")
    for consequence in story.consequences:
        yield from _finding(consequence, "    ", with_headline=True)


def _finding(finding: Finding, indent: str, with_headline: bool) -> Iterator[_Line]:
    style = _STYLES[finding.level]
    tag = f"{indent}{finding.level.name} {finding.rule} "
    yield _Line(finding.name, lead=tag, style="bold", lead_style=style)
    if with_headline:
        yield _Line(finding.headline, lead=f"{indent}  ")
    for line in finding.evidence:
        yield _Line(line, lead=f"{indent}  - ")
    if not indent:
        yield _Line(finding.cause, lead="  cause:  ", lead_style="bold")
        yield _Line(finding.remedy, lead="  remedy: ", lead_style="bold")


def _wrapped(line: _Line, width: int) -> Iterator[tuple[str, str]]:
    """Pairs of lead and text, together at most ``width`` long; text from a log is one clean line before."""
    # the reader cleans what it takes in; this is the last place before the terminal
    lead = sanitize(line.lead) if len(line.lead) <= width // 2 else f"{sanitize(line.lead)[: width // 2 - 2]}… "
    text = " ".join(sanitize(line.text).split())
    for number, piece in enumerate(textwrap.wrap(text, max(width - len(lead), 10)) or [""]):
        yield (lead if number == 0 else " " * len(lead)), piece


def _width(out: TextIO) -> int:
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(out.fileno()).columns
    except (ValueError, OSError):
        columns = WIDTH
    return max(20, min(columns or WIDTH, WIDEST))


def _colours(out: TextIO) -> bool:
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "")
