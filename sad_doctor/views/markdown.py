"""The report for a pull request or an issue: Markdown, with nothing from the log that could be markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from sad_doctor.finding import Finding, Report
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize
from sad_doctor.views import beside
from sad_doctor.views.palette import GLYPHS
from sad_doctor.views.text import about, verdict

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$@])")
_CALLS = re.compile(r"\\[@#]|\b(?:www(?=\.)|GH(?=-\d))|:(?=//)|\bmailto(?=:)|\bxmpp(?=:)", re.IGNORECASE)
_CODE = re.compile(r"`([^`]+)`")
_NOTHING = "<!-- -->"
"""An empty comment that breaks up names, numbers and addresses, which a code host turns into links."""


def render(run: Run, report: Report) -> str:
    """Return the report as Markdown, ending with a newline."""
    return "\n".join(_lines(run, report)).rstrip() + "\n"


def escape(text: str) -> str:
    """Return text from a log as one line of Markdown that shows it as it is; no mention and no link comes of it."""
    return _escaped(" ".join(sanitize(text).split()))


def _escaped(line: str) -> str:
    plain = html.escape(_SPECIAL.sub(r"\\\1", line), quote=False)
    return _CALLS.sub(lambda found: f"{found[0]}{_NOTHING}", plain)


def _lines(run: Run, report: Report) -> Iterator[str]:
    yield f"**{escape(verdict(report))}**"
    yield ""
    yield escape(about(run))
    for number, story in enumerate(report.stories):
        yield ""
        # the first line of all is the headline of the first story, unless that is of no weight
        yield from _finding(story.finding, "###", told=number > 0 or story.finding.headline != verdict(report))
        if story.consequences:
            yield ""
            yield "<details><summary>and that explains</summary>"
            for consequence in story.consequences:
                yield ""
                yield from _finding(consequence, "####")
            yield ""
            yield "</details>"
    for comparison in report.comparisons:
        yield ""
        yield f"### {escape(comparison.title)}"
        yield ""
        yield escape(comparison.headline)
        yield ""
        yield from (f"- {escape(line)}" for line in beside.lines(comparison))
    if report.passed:
        yield ""
        yield f"Passed: {', '.join(report.passed)}"
    for title, items in (
        ("Not checked", [f"{n.rule} {n.name}: {n.reason}" for n in report.not_checked]),
        ("Rules that crashed, to be reported", [f"{c.rule} {c.name}: {c.error}" for c in report.crashed]),
        ("Notes of the reader", list(run.notes)),
    ):
        if items:
            yield ""
            yield f"<details><summary>{title}: {len(items)}</summary>"
            yield ""
            yield from (f"- {escape(item)}" for item in items)
            yield ""
            yield "</details>"


def _prose(text: str) -> str:
    """Text of a rule: what stands between backticks is code, in which nothing is markup but a backtick."""
    pieces = enumerate(_CODE.split(" ".join(sanitize(text).split())))
    return "".join(f"`{piece}`" if number % 2 else _escaped(piece) for number, piece in pieces)


def _finding(finding: Finding, heading: str, told: bool = True) -> Iterator[str]:
    yield f"{heading} {GLYPHS[finding.level]} {finding.rule} {finding.name} ({finding.level.name.lower()})"
    yield ""
    if told:
        yield escape(finding.headline)
        yield ""
    yield from (f"- {escape(line)}" for line in finding.evidence)
    yield ""
    yield f"**Cause:** {_prose(finding.cause)}"
    yield ""
    yield f"**Remedy:** {_prose(finding.remedy)}"
