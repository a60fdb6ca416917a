"""The report as SARIF 2.1.0, the format in which code hosts take the findings of tools."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

from sad_doctor.finding import Finding, Level, Report
from sad_doctor.record import spell
from sad_doctor.rules import RULES
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}


def render(run: Run, report: Report) -> str:
    """Return the report as SARIF, ASCII, ending with a newline.

    Each finding is a result at the log itself; a consequence names its cause among its properties. Rules that could
    not judge and rules that crashed are notifications, so that silence is never taken for health.
    """
    results = []
    for story in report.stories:
        results.append(_result(run, story.finding, None))
        results += [_result(run, one, story.finding) for one in story.consequences]
    told = [
        *(_notification(n.rule, "note", f"not checked: {n.reason}") for n in report.not_checked),
        *(_notification(c.rule, "error", f"the rule crashed: {c.error}") for c in report.crashed),
    ]
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "sad doctor", "rules": [_rule(rule.code) for rule in RULES]}},
                "invocations": [{"executionSuccessful": not report.crashed, "toolExecutionNotifications": told}],
                "results": results,
            }
        ],
    }
    return json.dumps(spell(document), allow_nan=False, indent=1) + "\n"


def _rule(code: str) -> dict[str, Any]:
    rule = next(rule for rule in RULES if rule.code == code)
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.page.strip()},
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
    }


def _result(run: Run, finding: Finding, cause: Finding | None) -> dict[str, Any]:
    lines = (finding.headline, *finding.evidence, f"Cause: {finding.cause}", f"Remedy: {finding.remedy}")
    properties: dict[str, Any] = {
        "firstStep": finding.first_step,
        "lastStep": finding.last_step,
        "numbers": dict(finding.numbers),
    }
    if cause is not None:
        properties["explainedBy"] = cause.rule
    return {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.level],
        "message": {"text": sanitize("\n".join(lines))},
        # a code host shows no result without a line
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(os.fsencode(run.path.as_posix()))},
                    "region": {"startLine": 1},
                }
            }
        ],
        "properties": properties,
    }


def _notification(rule: str, level: str, text: str) -> dict[str, Any]:
    return {"descriptor": {"id": rule}, "level": level, "message": {"text": sanitize(text)}}
