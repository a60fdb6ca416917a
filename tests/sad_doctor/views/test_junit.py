from xml.etree import ElementTree

from sad_doctor.check import check
from sad_doctor.finding import Crashed, Report
from sad_doctor.readers import read
from sad_doctor.rules import RULES
from sad_doctor.views.junit import render


def test_a_rule_is_a_test_case(fixtures):
    run = read(fixtures / "run2.log")
    report = check(run)
    (suite,) = ElementTree.fromstring(render(run, report))
    cases = {case.get("classname"): case for case in suite}
    assert len(cases) == len(RULES) == int(suite.get("tests"))
    assert cases["R101"].find("failure").get("message").startswith("The weights never moved")
    assert cases["R101"].find("failure").get("type") == "ERROR"
    assert {code for code, case in cases.items() if case.find("skipped") is not None} == {
        n.rule for n in report.not_checked
    }
    assert int(suite.get("failures")) == len({f.rule for f in report.findings if f.level > 1})


def test_a_rule_that_crashed_is_an_error():
    (suite,) = ElementTree.fromstring(
        render(read_nothing(), Report((), ("R101",), (), (Crashed("R102", "x", "boom \x1b[31m"),)))
    )
    assert suite.get("errors") == "1"
    assert [case.find("error") is not None for case in suite] == [False, True]


def read_nothing():
    from sad_doctor.example import parse

    return parse("steps: 4\ntrain/loss: 9 -> 8")
