import json

from sad_doctor.check import check
from sad_doctor.readers import read
from sad_doctor.rules import RULES
from sad_doctor.views.sarif import render


def test_findings_are_results_and_silence_is_told(fixtures):
    run = read(fixtures / "run2.log")
    report = check(run)
    document = json.loads(render(run, report))
    (told,) = document["runs"]
    assert document["version"] == "2.1.0"
    assert [r["ruleId"] for r in told["results"]] == [f.rule for f in report.findings]
    assert {r["level"] for r in told["results"]} == {"error", "warning", "note"}
    assert next(r for r in told["results"] if r["ruleId"] == "R102")["properties"]["explainedBy"] == "R101"
    assert told["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("run2.log")
    notifications = told["invocations"][0]["toolExecutionNotifications"]
    assert [n["descriptor"]["id"] for n in notifications] == [n.rule for n in report.not_checked]
    assert {r["id"] for r in told["tool"]["driver"]["rules"]} == {rule.code for rule in RULES}
