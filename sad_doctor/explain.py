"""The page of a rule, and what it measured in a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sad_doctor import words
from sad_doctor.check import check, settings
from sad_doctor.finding import Report
from sad_doctor.page import markdown
from sad_doctor.rule import Rule, Thresholds
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize


def explained(rule: Rule, run: Run, changed: Mapping[str, Mapping[str, float]] | None = None) -> str:
    """Return the rule's page as Markdown with a section on ``run`` at its end: verdict, measures, thresholds, proof.

    ``changed`` are thresholds in place of defaults, by code or name.
    """
    mine = {key: values for key, values in (changed or {}).items() if key in (rule.code, rule.name)}
    limits = settings((rule,), mine)[rule.code]
    report = check(run, (rule,), mine)
    lines = "\n".join(_lines(rule, report, limits, mine))
    return f"{markdown(rule)}\n## In this run\n\n{sanitize(run.name)}: {verdict(report)}\n\n{lines}\n"


def verdict(report: Report) -> str:
    """Return what a rule said, for a report of that rule alone."""
    if report.crashed:
        return f"the rule crashed, to be reported: {report.crashed[0].error}"
    if report.not_checked:
        return f"not checked: {report.not_checked[0].reason}."
    if report.findings:
        return f"it fires, {report.findings[0].level.name.lower()}."
    return "it passed."


def _lines(rule: Rule, report: Report, limits: Thresholds, changed: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for reading in report.readings.get(rule.code, ()):
        limit = limits.get(reading.against)
        against = "" if limit is None else f" (threshold `{reading.against} = {words.number(limit)}`)"
        yield f"- measured: {sanitize(reading.what)}: {words.number(reading.value)}{against}"
    named = {name for values in changed.values() for name in values}
    if named:
        told = ", ".join(f"`{name} = {words.number(limits[name])}`" for name in sorted(named))
        yield f"- changed here: {told}"
    for finding in report.findings:
        yield f"- {sanitize(finding.headline)}"
        yield from (f"  - {sanitize(line)}" for line in finding.evidence)
        yield f"  - likely cause: {sanitize(finding.cause)}"
        yield f"  - remedy: {sanitize(finding.remedy)}"
