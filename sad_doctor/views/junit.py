"""The report as JUnit XML, which CI systems read: a test case a rule."""

from __future__ import annotations

from xml.etree import ElementTree

from sad_doctor.finding import Finding, Level, Report
from sad_doctor.rules import RULES
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize


def render(run: Run, report: Report) -> str:
    """Return the report as JUnit XML, ending with a newline.

    A rule with an error or a warning has failed, one that could not judge is skipped, one that crashed is an error.
    """
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        found.setdefault(finding.rule, []).append(finding)
    asked = {*found, *report.passed, *(n.rule for n in report.not_checked), *(c.rule for c in report.crashed)}
    suite = ElementTree.Element("testsuite", name=f"sad doctor {sanitize(run.name)}")
    counts = dict.fromkeys(("failures", "skipped", "errors"), 0)
    skipped = {n.rule: n.reason for n in report.not_checked}
    crashed = {c.rule: c.error for c in report.crashed}
    for rule in (rule for rule in RULES if rule.code in asked):
        case = ElementTree.SubElement(suite, "testcase", classname=rule.code, name=rule.name)
        if rule.code in crashed:
            counts["errors"] += 1
            ElementTree.SubElement(case, "error", message=sanitize(crashed[rule.code]))
        elif rule.code in skipped:
            counts["skipped"] += 1
            ElementTree.SubElement(case, "skipped", message=sanitize(skipped[rule.code]))
        elif bad := [one for one in found.get(rule.code, []) if one.level > Level.INFO]:
            counts["failures"] += 1
            failure = ElementTree.SubElement(case, "failure", message=sanitize(bad[0].headline), type=bad[0].level.name)
            failure.text = sanitize("\n\n".join(map(_told, bad)))
        elif rule.code in found:
            ElementTree.SubElement(case, "system-out").text = sanitize("\n\n".join(map(_told, found[rule.code])))
    suite.attrib |= {"tests": str(len(suite)), **{key: str(count) for key, count in counts.items()}}
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _told(finding: Finding) -> str:
    lines = (finding.headline, *finding.evidence, f"Cause: {finding.cause}", f"Remedy: {finding.remedy}")
    return "\n".join(lines)
