import json
import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.finding import Comparison, Crashed, Finding, Level, NotChecked, Reading, Report, Row, Story
from sad_doctor.views.json import SCHEMA, render, status

RUN = parse("fact total_steps: 100\nfact status: running\nsteps: 4\ntrain/loss: 9 -> 8")
FINDING = Finding("R401", "non-finite", Level.ERROR, "NaN.", ("one", "two"), "why", "do", 3.0, 9.0, {"value": math.nan})


def strict(text):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def test_document_holds_all_of_the_report():
    report = Report(
        (Story(FINDING, (replace(FINDING, rule="R403"),)), Story(replace(FINDING, rule="R301"))),
        ("R101",),
        (NotChecked("R402", "non-finite-gradient", "the log has no train/grad_norm"),),
        (Crashed("R104", "loss-spike", "boom"),),
    )

    told = strict(render(replace(RUN, notes=("a note",)), report))

    assert told["schema"] == SCHEMA == 1
    assert [f["rule"] for f in told["findings"]] == ["R401", "R403", "R301"]
    assert told["stories"] == [{"finding": 0, "consequences": [1]}, {"finding": 2, "consequences": []}]
    assert told["findings"][0]["level"] == "error"
    assert told["findings"][0]["numbers"] == {"value": "NaN"}
    assert told["not_checked"] == [
        {"rule": "R402", "name": "non-finite-gradient", "reason": "the log has no train/grad_norm"}
    ]
    assert (told["passed"], told["notes"]) == (["R101"], ["a note"])
    assert told["crashed"] == [{"rule": "R104", "name": "loss-spike", "error": "boom"}]
    assert told["run"]["status"] == "running"
    assert told["run"]["total_steps"] == 100


def test_what_was_measured_is_told_with_its_threshold():
    told = (Reading("share of kd", 0.9, "share"), Reading("records", math.inf))
    document = strict(render(RUN, Report((), ("R203",), (), (), readings={"R203": told})))
    assert document["measured"]["R203"] == [
        {"what": "share of kd", "value": 0.9, "threshold": "share"},
        {"what": "records", "value": "Infinity", "threshold": None},
    ]


def test_status_in_one_word():
    def report(level=None, passed=(), crashed=()):
        stories = () if level is None else (Story(replace(FINDING, level=level)),)
        return Report(stories, passed, (), crashed)

    broken = (Crashed("R1", "x", "boom"),)
    assert status(report(passed=("R101",))) == "healthy"
    assert status(report(Level.INFO, passed=("R101",))) == "healthy"
    assert status(report(Level.WARNING)) == "warnings"
    assert status(report(Level.ERROR, crashed=broken)) == "errors"
    assert status(report(passed=("R101",), crashed=broken)) == "incomplete"
    assert status(report()) == "unjudged"


@given(st.text(max_size=60))
def test_any_text_of_a_log_is_strict_ascii_json(text):
    run = parse("steps: 4\ntrain/loss: 9 -> 8\nevent crash @ 4: x")
    run = replace(run, name=text, events=(replace(run.events[0], message=text),))

    told = strict(render(run, check(run)))

    assert told["run"]["name"] == text
    assert render(run, check(run)).isascii()


def test_the_run_beside_others_is_told_point_by_point():
    rows = (Row("total", "step 2", math.inf, "inf", "2.0", "above"),)
    beside = Comparison("Beside the band", "1 of 1 lies above", rows, ("a note",))
    (told,) = strict(render(RUN, Report((), (), (), (), comparisons=(beside,))))["comparisons"]
    assert (told["title"], told["headline"], told["notes"]) == ("Beside the band", "1 of 1 lies above", ["a note"])
    (row,) = told["rows"]
    assert (row["what"], row["where"], row["wanted"], row["lies"]) == ("total", "step 2", "2.0", "above")
    assert row["value"] == "Infinity"
