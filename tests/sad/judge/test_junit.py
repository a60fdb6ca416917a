from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from sad.errors import UserError
from sad.judge.junit import junit, writable, write
from sad.judge.report import Line, Report, line_of, told
from sad.verdict import Standing


def lines():
    return [
        Line("claims", Standing.BROKEN, "is <not> what \x1b[31mit says", {"x": 1.0}, "one row", "sad verify …"),
        Line("partition", Standing.ALLOWED, "divides by its own rows"),
        Line("padding", Standing.NOT_APPLICABLE, "no labels"),
    ]


def test_every_standing_has_its_element():
    report = Report("my:loss", lines=lines(), seconds=1.5)
    suite = ElementTree.fromstring(junit(report))[0]
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "1"]
    assert [[part.tag for part in case] for case in suite] == [["failure"], ["system-out"], ["skipped"]]
    assert "\x1b" not in suite[0][0].text


def test_what_could_not_be_judged_is_an_error():
    suite = ElementTree.fromstring(junit(Report("my:loss", unjudged="no such")))[0]
    assert suite.get("errors") == "1"
    assert suite[0][0].get("message") == "no such"


def test_a_file_that_cannot_be_written():
    with pytest.raises(UserError, match=r"--junit .* cannot be written \(.*\): name another file"):
        write(Report("x"), Path("/no/such/folder/x.xml"))


def test_whether_a_file_can_be_written_is_told_before_and_leaves_nothing(tmp_path):
    writable(None)
    writable(tmp_path / "new.xml")
    assert not (tmp_path / "new.xml").exists()
    (tmp_path / "old.xml").write_text("kept", encoding="utf-8")
    writable(tmp_path / "old.xml")
    assert (tmp_path / "old.xml").read_text(encoding="utf-8") == "kept"
    with pytest.raises(UserError, match=r"--junit .* cannot be written"):
        writable(tmp_path)


def test_a_report_has_a_code_a_status_and_a_document():
    assert (Report("x").code, Report("x", lines=lines()).code, Report("x", lines=lines()[1:]).code) == (2, 1, 0)
    document = Report("x", lines=lines()).document()
    assert document["status"] == "broken"
    assert [line_of(entry) for entry in document["invariants"]] == lines()
    assert "again: sad verify" in told(Report("x", lines=lines()))
