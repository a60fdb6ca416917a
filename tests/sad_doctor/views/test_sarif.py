import json
from dataclasses import replace
from pathlib import Path

from sad_doctor.check import check
from sad_doctor.readers import read
from sad_doctor.rules import RULES
from sad_doctor.views.sarif import render


def test_the_place_is_an_address_whatever_a_folder_is_called(fixtures):
    run = replace(read(fixtures / "run2.log"), path=Path("runs/a b#1/\x1bé?.log"))
    results = json.loads(render(run, check(run)))["runs"][0]["results"]
    place = results[0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "runs/a%20b%231/%1B%C3%A9%3F.log"}


def test_findings_are_results_and_silence_is_told(fixtures):
    run = read(fixtures / "run2.log")
    report = check(run)
    document = json.loads(render(run, report))
    (told,) = document["runs"]
    assert document["version"] == "2.1.0"
    assert [r["ruleId"] for r in told["results"]] == [f.rule for f in report.findings]
    assert {"error", "warning"} <= {r["level"] for r in told["results"]} <= {"error", "warning", "note"}
    assert next(r for r in told["results"] if r["ruleId"] == "R102")["properties"]["explainedBy"] == "R101"
    assert told["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("run2.log")
    notifications = told["invocations"][0]["toolExecutionNotifications"]
    assert [n["descriptor"]["id"] for n in notifications] == [n.rule for n in report.not_checked]
    assert {r["id"] for r in told["tool"]["driver"]["rules"]} == {rule.code for rule in RULES}
