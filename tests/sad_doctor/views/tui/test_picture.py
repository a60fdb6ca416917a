from __future__ import annotations

from xml.etree import ElementTree

import pytest

from sad_doctor.views.tui.picture import save_picture


def save(make, path, **options):
    save_picture(make.source(make.sick_run()), lambda _: make.sick_report(), path, now=lambda: make.now, **options)
    return path.read_text(encoding="utf-8")


def test_a_picture_is_valid_and_needs_nothing_from_the_network(make, tmp_path):
    drawing = save(make, tmp_path / "doctor.svg")
    ElementTree.fromstring(drawing)
    assert "@font-face" not in drawing
    assert "cdnjs" not in drawing
    links = drawing.replace("http://www.w3.org/2000/svg", "").replace("https://www.textualize.io", "")
    assert "http" not in links
    assert "run-2-epoch-0" in drawing


def test_the_same_run_gives_the_same_picture(make, tmp_path):
    one, two = (save(make, tmp_path / name) for name in ("one.svg", "two.svg"))
    assert one == two


def test_size_and_keys_are_heeded(make, tmp_path):
    plain, pressed = (
        save(make, tmp_path / "a.svg", size=(80, 24)),
        save(make, tmp_path / "b.svg", press=["question_mark"]),
    )
    assert "Overview" in plain
    assert "previous" in pressed


def test_a_path_that_cannot_be_written_raises(make, tmp_path):
    with pytest.raises(OSError, match="missing"):
        save(make, tmp_path / "missing" / "a.svg")
