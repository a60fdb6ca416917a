"""The pages of the detail: a finding, and what else there is to tell. Pure functions from report to paragraphs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.content import Content

from sad_doctor.finding import Finding, Report, Story
from sad_doctor.rules import RULES
from sad_doctor.run import Run
from sad_doctor.views import beside, numerals
from sad_doctor.views.palette import GLYPHS, STYLES
from sad_doctor.views.plain import line
from sad_doctor.views.tui.pages.about import about_page, course
from sad_doctor.views.tui.pages.finding_rows import steps
from sad_doctor.views.tui.pages.prose import BLANK, Page, Paragraph, section, title
from sad_doctor.views.tui.painting.styled import styled
from sad_doctor.words import capital

_MUTED, _TEXT, _TITLE, _HEAD = "$text-muted", "$foreground", "bold $foreground", "bold $accent"
_OPENING = 3
"""Paragraphs of a finding's page before the evidence: headline, facts, a blank line."""
_EVENTS = 200
"""Latest events that are shown."""


def heading(finding: Finding | None) -> Content:
    """Return the title of the pane that shows a finding or another row."""
    return Content("Detail" if finding is None else f"{line(finding.rule, 12)} · {line(finding.name, 60)}")


def below_row(page: Page) -> Page:
    """Return the page of a finding without what its row in the list tells; all of it where it has nothing else."""
    return page[_OPENING:] or page


def finding_page(finding: Finding, story: Story | None) -> Page:
    """Return everything about a finding; ``story`` is the one that it belongs to."""
    facts = [finding.level.name.lower(), line(finding.rule, 12), line(finding.name, 60), steps(finding)]
    glyph = Content.styled(f"{GLYPHS[finding.level]} ", STYLES[finding.level])
    page = [
        Paragraph(styled(finding.headline, _TITLE), glyph),
        Paragraph(Content.styled(" · ".join(f for f in facts if f), _MUTED), Content("  ")),
    ]
    page += section("Evidence", finding.evidence, bullet="• ")
    page += section("Likely cause", finding.cause.splitlines())
    page += section("What to do", finding.remedy.splitlines())
    if story is not None and story.finding is not finding:
        page += section("Follows from", [story.finding.headline], bullet="↰ ")
    elif story is not None and story.consequences:
        page += section("Explains", [f.headline for f in story.consequences], bullet="↳ ")
    return page


def extra_page(key: str, report: Report, run: Run) -> Page:
    """Return the page of a row that is no finding."""
    if key == "not-checked":
        lacking = [(f"{n.rule} {n.name}", n.reason) for n in report.not_checked]
        return [*title("These rules could not judge: the log lacks what they need."), BLANK, *_pairs(lacking)]
    if key == "unread":
        return [*title(f"{capital(line(report.unread))}."), BLANK, *about_page(run)]
    if key == "crashed":
        broken = [(f"{c.rule} {c.name}", c.error) for c in report.crashed]
        return [*title("These rules broke; the others went on."), BLANK, *_pairs(broken)]
    if key.startswith("beside-"):
        comparison = report.comparisons[int(key.removeprefix("beside-"))]
        return [*title(line(comparison.headline)), *section(line(comparison.title), beside.lines(comparison), "• ")]
    if key == "passed":
        return [*title("What was looked for and not found."), BLANK, *_passed(report)]
    if key == "about":
        return about_page(run)
    if key == "events":
        shown = [(f"{'' if e.step is None else numerals.step(e.step)} {e.kind}", e.message) for e in run.events]
        return [*title("What happened, the latest last."), BLANK, *_pairs(shown[-_EVENTS:])]
    if key == "tail":
        return [*title("The last lines of the log."), BLANK, *(Paragraph(styled(t, _TEXT)) for t in run.tail)]
    return healthy_page(report, run)


def verdict_page(report: Report) -> list[Paragraph]:
    """Return the headlines of a report, causes before what they explain; empty where nothing was found."""
    rows = []
    for story in report.stories:
        for finding in (story.finding, *story.consequences):
            sign = Content.styled(f"{GLYPHS[finding.level]} ", STYLES[finding.level])
            indent = Content("") if finding is story.finding else Content("  ")
            rows.append(Paragraph(styled(finding.headline, _TEXT), indent + sign))
    return rows


def healthy_page(report: Report, run: Run) -> Page:
    """Return what the run achieved, which rules found nothing, and how many could not look."""
    told = f"Too little to judge: {report.little}." if report.little else "No rule that could look found anything."
    page = [*title(told), *course(run)]
    if report.not_checked:
        text = f"{len(report.not_checked)} of {len(report.passed) + len(report.not_checked)} rules could not judge."
        page += [BLANK, Paragraph(Content.styled(text, "$warning"))]
    return [*page, BLANK, Paragraph(Content.styled("Looked for and not found", _HEAD)), *_passed(report)]


def _passed(report: Report) -> Iterator[Paragraph]:
    titles = {rule.code: rule.title for rule in RULES}
    for code in report.passed:
        bullet = Content.assemble(("✓ ", "$success"), (f"{line(code, 12)} ", _MUTED))
        yield Paragraph(styled(titles.get(code, ""), _TEXT), bullet)


def _pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[Paragraph]:
    for name, text in pairs:
        yield Paragraph(styled(name, "$accent"))
        yield Paragraph(styled(text, _MUTED), Content("  "))
