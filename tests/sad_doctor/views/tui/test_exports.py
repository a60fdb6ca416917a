from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from sad_doctor.views.tui.exports import file_name, finding_text, save_page
from sad_doctor.views.tui.snapshot import Snapshot, Verdict


def test_a_file_name_has_harmless_characters_only():
    assert file_name("../../etc/run [x]", 0.0).startswith("sad-doctor-etc-run-x-19")
    assert file_name("", 0.0, "html").startswith("sad-doctor-run-19")
    assert file_name("", 0.0, "html").endswith(".html")
    assert len(file_name("x" * 500, 0.0)) < 100


def test_a_finding_as_text_has_all_of_it_and_no_control_code(make):
    finding = make.sick_report().stories[0].finding
    told = finding_text(replace(finding, cause="a\x1b]52;c;eA==\x07b\nc"))
    assert told.startswith("ERROR R101 weights-never-move: The weights never moved")
    assert all(line in told for line in finding.evidence)
    assert "What to do: Run `sad verify V104`." in told
    assert not set(told) & set("\x1b\x07")
    assert told.endswith("\n")


def test_the_page_is_html(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = save_page(Snapshot(make.sick_run(), Verdict(make.sick_report())), 1_700_000_000.0)
    assert path.suffix == ".html"
    text = path.read_text()
    HTMLParser().feed(text)
    assert "The weights never moved" in text
