"""How many findings of each level a run has, in a few words."""

from __future__ import annotations

from textual.content import Content

from sad_doctor.finding import Level, Report
from sad_doctor.views.palette import GLYPHS, STYLES


def counts(report: Report, weight: str = "") -> list[Content]:
    """Return how many findings of each level there are, the worst first; none of a level that has none."""
    found = [(level, sum(f.level == level for f in report.findings)) for level in sorted(Level, reverse=True)]
    return [Content.styled(f"{GLYPHS[level]} {n}", f"{weight}{STYLES[level]}") for level, n in found if n]


def unflagged(report: Report, style: str) -> Content:
    """Return what is said of a run without a finding: that it has none, in ``style``, or that it could not be told."""
    if report.judged:
        return Content.styled("✓ no red flags", style)
    return Content.styled(f"○ {'too little' if report.little else 'nothing'} to judge", "$text-muted")
