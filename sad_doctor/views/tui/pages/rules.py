"""The list of all rules with what each said of this run, and their pages."""

from __future__ import annotations

from textual.content import Content

from sad_doctor.finding import Reading, Report
from sad_doctor.rule import Rule
from sad_doctor.rules import RULES
from sad_doctor.views import numerals
from sad_doctor.views.palette import GLYPHS, STYLES
from sad_doctor.views.tui.pages import detail, rule_text
from sad_doctor.views.tui.pages.prose import BLANK, KeyedPage, Page, Paragraph, section
from sad_doctor.views.tui.painting.styled import styled

_MUTED = "$text-muted"
_UNCHECKED = 2
"""The rank of a rule that could not look."""
_COUNTED = 1e10
"""Whole numbers below this are told as such: most are counts."""


def rule_rows(report: Report) -> list[KeyedPage]:
    """Return a row for each rule: what fired first, then what broke, what passed, what could not look."""
    ranked = sorted(RULES, key=lambda rule: (_said(rule, report)[0], rule.code))
    return [(rule.code, _row(rule, report)) for rule in ranked]


def rule_page(code: str, report: Report) -> Page:
    """Return what a rule said of this run, then its page."""
    page: list[Paragraph] = []
    for finding in (f for f in report.findings if f.rule == code):
        page += [*detail.finding_page(finding, None), BLANK]
    if not page:
        rule = next((r for r in RULES if r.code == code), None)
        if rule is None:
            return []
        _, sign, word = _said(rule, report)
        page = [Paragraph(styled(word, _MUTED), sign), BLANK]
    measured = [_measured(reading) for reading in report.readings.get(code, ())]
    page += [*section("Measured in this run", measured, bullet="• ")[1:], BLANK] if measured else []
    return [*page, *rule_text.page_of(code)]


def _measured(reading: Reading) -> str:
    against = f", held against the threshold {reading.against}" if reading.against else ""
    number = float(reading.value)
    value = f"{number:,.0f}" if number.is_integer() and abs(number) < _COUNTED else numerals.full(number)
    return f"{reading.what}: {value}{against}"


def _row(rule: Rule, report: Report) -> Page:
    rank, sign, word = _said(rule, report)
    # what a rule lacks is worth more than its name, for which there is seldom room beside it
    told = f"{rule.code} · {word}" if rank == _UNCHECKED else f"{rule.code} · {rule.name} · {word}"
    return [Paragraph(styled(rule.title, "$foreground"), sign, 2), Paragraph(styled(told, _MUTED), Content("  "), 1)]


def _said(rule: Rule, report: Report) -> tuple[int, Content, str]:
    """Rank, sign and words of what a rule said."""
    levels = [f.level for f in report.findings if f.rule == rule.code]
    if levels:
        worst = max(levels)
        return -worst, Content.styled(GLYPHS[worst] + " ", STYLES[worst]), worst.name.lower()
    if any(c.rule == rule.code for c in report.crashed):
        return 0, Content.styled("! ", "$error"), "broke"
    if rule.code in report.passed:
        return 1, Content.styled("✓ ", "$success"), "passed"
    reason = next((n.reason for n in report.not_checked if n.rule == rule.code), "left out")
    return _UNCHECKED, Content.styled("◌ ", _MUTED), f"not checked: {reason}"
