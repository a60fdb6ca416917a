from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from sad_doctor.views.tui.exports import file_name, finding_text, save_page
from sad_doctor.views.tui.runs.snapshot import Snapshot, Verdict


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


async def test_e_saves_a_picture_and_says_where(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app, _ = make.dashboard(replace(make.sick_run(), name="../../etc/run [x]"), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("e")
        await pilot.pause()
        said = " ".join(n.message for n in app._notifications)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("sad-doctor-etc-run-x-2023")
    assert str(path) in said
    ElementTree.parse(path)


async def test_a_picture_that_cannot_be_written_is_said(make, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "missing")
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        await pilot.press("e")
        await pilot.pause()
        assert any("no picture" in n.message for n in app._notifications)


async def test_y_copies_the_finding_and_says_so(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("y")
        await pilot.pause()
        assert app.clipboard.startswith("ERROR R101 weights-never-move: The weights never moved")
        assert any("sent to the terminal's clipboard: R101" in n.message for n in app._notifications)
        await pilot.press("end", "y")
        await pilot.pause()
        assert any("nothing copied" in n.message for n in app._notifications)
        assert app.clipboard.startswith("ERROR R101")


async def test_capital_e_saves_a_page(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        await pilot.press("E")
        await pilot.pause()
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".html"
    assert "The weights never moved" in path.read_text()
