"""The rows of the list of findings. Pure functions from report to content."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from sad_doctor.finding import Finding, Report, Story
from sad_doctor.run import Run
from sad_doctor.sealed import sealed
from sad_doctor.views import numerals
from sad_doctor.views.palette import GLYPHS, STYLES
from sad_doctor.views.plain import line
from sad_doctor.views.tui.pages.prose import Page, Paragraph
from sad_doctor.views.tui.painting.styled import styled
from sad_doctor.words import capital

_MUTED = "$text-muted"
_HEADLINE = 4
"""Lines of a headline in the list; the detail has all of it."""


@sealed
class Row:
    """A row of the list: its key stays the same while the run grows."""

    key: str
    page: Page
    finding: Finding | None = None
    depth: int = 0
    parent: str = ""
    folded: int = 0


def rows(report: Report, run: Run, unfolded: frozenset[str], wanted: str = "") -> list[Row]:
    """Return the rows: stories first, then what else there is to tell. ``wanted`` leaves only rows that match it."""
    found: list[Row] = []
    fault = [Row("unread", [_plain("⚠", f"{capital(line(report.unread, 300))}.", "$warning")])] if report.unread else []
    seen: dict[str, int] = {}
    for story in report.stories:
        found += _story_rows(story, unfolded, wanted, seen)
    if not found and not report.stories and any(map(len, run.columns.values())):
        found.append(Row("healthy", [_plain("✓", "No red flags in this run", "$success")]))
    elif not found and wanted:
        found.append(Row("nothing", [_plain(" ", "no finding matches the filter")]))
    return fault + found + [row for row in _extras(report, run) if not wanted or row.key != "healthy"]


def matches(wanted: str, *texts: str) -> bool:
    """Return whether every word of ``wanted`` occurs in one of the texts, whatever the case."""
    whole = " ".join(texts).casefold()
    return all(word in whole for word in wanted.casefold().split())


def _story_rows(story: Story, unfolded: frozenset[str], wanted: str, seen: dict[str, int]) -> Iterator[Row]:
    key = _key(story.finding, seen)
    children = [(_key(f, seen), f) for f in story.consequences]
    hits = [(k, f) for k, f in children if _hit(f, wanted)] if wanted else children
    if wanted and not hits and not _hit(story.finding, wanted):
        return
    if wanted and _hit(story.finding, wanted):
        hits = children
    open_ = key in unfolded or (bool(wanted) and not _hit(story.finding, wanted))
    folded = 0 if open_ else len(hits)
    yield Row(key, _row(story.finding, folded, len(hits)), story.finding, 0, "", folded)
    if open_:
        for child, finding in hits:
            yield Row(child, _child(finding, child == hits[-1][0]), finding, 1, key)


def _hit(finding: Finding, wanted: str) -> bool:
    return matches(wanted, finding.rule, finding.name, finding.headline, finding.cause)


def _key(finding: Finding, seen: dict[str, int]) -> str:
    number = seen[finding.rule] = seen.get(finding.rule, 0) + 1
    return f"{finding.rule}:{number}"


def _plain(glyph: str, text: str, style: str = _MUTED) -> Paragraph:
    return Paragraph(Content.styled(text, style), Content.styled(f"{glyph} ", style))


def _row(finding: Finding, folded: int, children: int) -> Page:
    glyph = Content.styled(GLYPHS[finding.level] + " ", f"bold {STYLES[finding.level]}")
    facts = [line(finding.rule, 12), *([steps(finding)] if steps(finding) else [])]
    tail = Content.styled(" · ".join(facts), _MUTED)
    if children:
        sign, words = ("▸", f"{folded}\u00a0more") if folded else ("▾", "explains")
        tail = tail + Content.styled(f"  {sign}\u00a0{words}", "$accent")
    return [Paragraph(styled(finding.headline, "$foreground"), glyph, _HEADLINE), Paragraph(tail, Content("  "))]


def _child(finding: Finding, last: bool) -> Page:
    sign = (GLYPHS[finding.level] + " ", STYLES[finding.level])
    return [
        Paragraph(
            styled(finding.headline, _MUTED), Content.assemble(("  └ " if last else "  ├ ", _MUTED), sign), _HEADLINE
        )
    ]


def _extras(report: Report, run: Run) -> Iterator[Row]:
    def row(key: str, glyph: str, text: str, style: str = _MUTED) -> Row:
        return Row(key, [_plain(glyph, text, style)])

    if report.crashed:
        yield row("crashed", "!", _count(len(report.crashed), "rule") + " broke", "$error")
    if report.not_checked:
        yield row("not-checked", "◌", _count(len(report.not_checked), "rule") + " not checked")
    if report.passed:
        yield row("passed", "✓", _count(len(report.passed), "rule") + " passed")
    for number, comparison in enumerate(report.comparisons):
        yield row(f"beside-{number}", "≈", line(comparison.headline, 200))
    yield row("about", "≡", "about this run" + (f", {_count(len(run.notes), 'note')}" if run.notes else ""))
    if run.events:
        yield row("events", "≡", _count(len(run.events), "event"))
    if run.tail:
        yield row("tail", "≡", "last lines of the log")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def steps(finding: Finding) -> str:
    """Return the steps of the evidence: ``step 436``, ``steps 499 – 999`` or ``epoch 0.52``; empty when unknown."""
    first, last = finding.first_step, finding.last_step
    if first is None:
        return ""
    if last is None or last == first:
        return f"{finding.unit} {numerals.step(first)}"
    return f"{finding.unit}s {numerals.step(first)} – {numerals.step(last)}"
