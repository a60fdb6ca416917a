"""The pages of the detail: a finding, and what else there is to tell. Pure functions from report to paragraphs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from textual.content import Content

from sad_doctor import names
from sad_doctor.finding import Finding, Report, Story
from sad_doctor.rules import RULES
from sad_doctor.run import Run
from sad_doctor.views import numerals
from sad_doctor.views.palette import GLYPHS, STYLES
from sad_doctor.views.plain import line
from sad_doctor.views.tui.prose import BLANK, Page, Paragraph, inline
from sad_doctor.views.tui.story import steps
from sad_doctor.views.tui.styled import styled

_MUTED, _TEXT, _TITLE, _HEAD = "$text-muted", "$foreground", "bold $foreground", "bold $accent"
_EVENTS = 200
"""So many of the last events are shown."""

_COURSE = (
    (names.LOSS, "training loss"),
    (names.EVAL_LOSS, "held-out loss"),
    (names.EVAL_LM_LOSS, "held-out LM loss"),
    (names.EVAL_PERPLEXITY, "perplexity"),
    (names.EVAL_BITS_PER_BYTE, "bits per byte"),
    (names.EVAL_KL, "KL to the teacher"),
    (names.EVAL_AGREEMENT, "top-1 agreement"),
)


def finding_page(finding: Finding, story: Story | None) -> Page:
    """Return everything about a finding; ``story`` is the one that it belongs to."""
    facts = [finding.level.name.lower(), line(finding.rule, 12), line(finding.name, 60), steps(finding)]
    glyph = Content.styled(f"{GLYPHS[finding.level]} ", STYLES[finding.level])
    page = [
        Paragraph(styled(finding.headline, _TITLE), glyph),
        Paragraph(Content.styled(" · ".join(f for f in facts if f), _MUTED), Content("  ")),
    ]
    page += _section("Evidence", finding.evidence, bullet="• ")
    page += _section("Likely cause", finding.cause.splitlines())
    page += _section("What to do", finding.remedy.splitlines())
    if story is not None and story.finding is not finding:
        page += _section("Follows from", [story.finding.headline], bullet="↰ ")
    elif story is not None and story.consequences:
        page += _section("Explains", [f.headline for f in story.consequences], bullet="↳ ")
    return page


def extra_page(key: str, report: Report, run: Run) -> Page:
    """Return the page of a row that is no finding."""
    if key == "not-checked":
        lacking = [(f"{n.rule} {n.name}", n.reason) for n in report.not_checked]
        return [*_title("These rules could not judge: the log lacks what they need."), BLANK, *_pairs(lacking)]
    if key == "crashed":
        broken = [(f"{c.rule} {c.name}", c.error) for c in report.crashed]
        return [*_title("These rules broke; the others went on."), BLANK, *_pairs(broken)]
    if key == "passed":
        return [*_title("What was looked for and not found."), BLANK, *_passed(report)]
    if key == "about":
        return about_page(run)
    if key == "events":
        shown = [(f"{'' if e.step is None else numerals.step(e.step)} {e.kind}", e.message) for e in run.events]
        return [*_title("What happened, the latest last."), BLANK, *_pairs(shown[-_EVENTS:])]
    if key == "tail":
        return [*_title("The last lines of the log."), BLANK, *(Paragraph(styled(t, _TEXT)) for t in run.tail)]
    return healthy_page(report, run)


def healthy_page(report: Report, run: Run) -> Page:
    """Return what the run achieved, which rules found nothing, and how many could not look."""
    page = [*_title("No rule that could look found anything."), *_course(run)]
    if report.not_checked:
        text = f"{len(report.not_checked)} of {len(report.passed) + len(report.not_checked)} rules could not judge."
        page += [BLANK, Paragraph(Content.styled(text, "$warning"))]
    return [*page, BLANK, Paragraph(Content.styled("Looked for and not found", _HEAD)), *_passed(report)]


def about_page(run: Run) -> Page:
    """Return what the log says about the run itself and how it was read."""
    page = [*_title(line(run.name)), *_course(run)]
    page += _section("How the log was read", run.notes, bullet="• ")
    facts = [(k, v) for k, v in _flat(run.facts) if k not in (names.HEARTBEAT, names.STARTED)]
    started = run.fact(names.STARTED)
    page += [BLANK, Paragraph(Content.styled("The run", _HEAD))]
    about = [("path", str(run.path)), ("format", run.format), ("columns", str(len(run.columns)))]
    if started is not None and 0 < started < 1e11:
        about.append(("started", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(started))))
    return [*page, *(_entry(k, v) for k, v in (*about, *facts))]


def _course(run: Run) -> list[Paragraph]:
    """First and last value of what matters, and the change between them."""
    rows = []
    for name, label in _COURSE:
        column = run.get(name)
        finite = column.value[np.isfinite(column.value)] if column is not None else np.zeros(0)
        if finite.size > 1:
            first, last = float(finite[0]), float(finite[-1])
            change = f" {100 * (last - first) / abs(first):+.1f}%" if first else ""
            rows.append(_entry(label, f"{numerals.full(first)} → {numerals.full(last)}{change}"))
    return [BLANK, Paragraph(Content.styled("First and last", _HEAD)), *rows] if rows else []


def _passed(report: Report) -> Iterator[Paragraph]:
    titles = {rule.code: rule.title for rule in RULES}
    for code in report.passed:
        bullet = Content.assemble(("✓ ", "$success"), (f"{line(code, 12)} ", _MUTED))
        yield Paragraph(styled(titles.get(code, ""), _TEXT), bullet)


def _flat(facts: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, str(value)


def _entry(name: str, value: str) -> Paragraph:
    return Paragraph(styled(value, _TEXT), styled(name, _MUTED).pad_right(max(0, 17 - len(name))) + Content(" "))


def _title(text: str) -> Page:
    return [Paragraph(Content.styled(text, _TITLE))]


def _pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[Paragraph]:
    for name, text in pairs:
        yield Paragraph(styled(name, "$accent"))
        yield Paragraph(styled(text, _MUTED), Content("  "))


def _section(title: str, texts: Iterable[str], bullet: str = "") -> list[Paragraph]:
    found = [Paragraph(inline(line(t)), Content.styled("  " + bullet, _MUTED)) for t in texts if t.strip()]
    return [BLANK, Paragraph(Content.styled(title, _HEAD)), *found] if found else []
