"""The report for programs: strict JSON with a version."""

from __future__ import annotations

import json
from typing import Any

from sad_doctor import names
from sad_doctor.finding import Comparison, Finding, Level, Reading, Report
from sad_doctor.record import spell
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

SCHEMA = 1
"""Goes up with every change of the shape, which ``docs/schemas`` holds; ``docs/json-report.md`` describes it."""


def render(run: Run, report: Report) -> str:
    """Return the report as strict JSON, ASCII, ending with a newline; non-finite numbers are spelled as strings.

    ``findings`` hold each cause followed by its consequences; ``stories`` point into them by index. ``status`` is
    healthy, warnings, errors, incomplete (a rule crashed) or unjudged. ``measured`` holds by rule what it measured and
    the name of the threshold it was held against; ``comparisons`` the run beside a band or a good run.
    """
    return json.dumps(spell(document(run, report)), allow_nan=False, indent=1) + "\n"


def document(run: Run, report: Report) -> dict[str, Any]:
    """Return what :func:`render` writes, as plain dicts and lists."""
    findings: list[dict[str, Any]] = []
    stories = []
    for story in report.stories:
        first = len(findings)
        findings += [_finding(f) for f in (story.finding, *story.consequences)]
        stories.append({"finding": first, "consequences": list(range(first + 1, len(findings)))})
    return {
        "schema": SCHEMA,
        "run": _run(run),
        "status": status(report),
        "findings": findings,
        "stories": stories,
        "not_checked": [{"rule": n.rule, "name": n.name, "reason": n.reason} for n in report.not_checked],
        "passed": list(report.passed),
        "crashed": [{"rule": c.rule, "name": c.name, "error": c.error} for c in report.crashed],
        "measured": {code: [_reading(one) for one in told] for code, told in report.readings.items()},
        "comparisons": [_comparison(one) for one in report.comparisons],
        "notes": list(run.notes),
    }


def status(report: Report) -> str:
    """Return the verdict in one word."""
    if report.worst == Level.ERROR:
        return "errors"
    if report.crashed:
        return "incomplete"
    if report.worst == Level.WARNING:
        return "warnings"
    return "healthy" if report.judged else "unjudged"


def _run(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "format": run.format,
        "path": sanitize(str(run.path)),
        "status": str(run.facts.get(names.STATUS, "unknown")),
        "last_step": run.last_step if run.last_step >= 0 else None,
        "total_steps": run.fact(names.TOTAL_STEPS),
        "columns": sorted(run.columns),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {"what": reading.what, "value": reading.value, "threshold": reading.against or None}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "title": comparison.title,
        "headline": comparison.headline,
        "rows": [
            {"what": r.what, "where": r.where, "value": r.value, "wanted": r.wanted, "lies": r.lies}
            for r in comparison.rows
        ],
        "notes": list(comparison.notes),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "name": finding.name,
        "level": finding.level.name.lower(),
        "headline": finding.headline,
        "evidence": list(finding.evidence),
        "cause": finding.cause,
        "remedy": finding.remedy,
        "first_step": finding.first_step,
        "last_step": finding.last_step,
        "numbers": dict(finding.numbers),
    }
