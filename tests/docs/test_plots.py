"""The plots of the explanations are what the code and the logs give."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("plots", ROOT / "docs" / "plots.py")
assert _SPEC is not None
assert _SPEC.loader is not None
plots = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(plots)


def test_the_raw_distance_falls_with_the_length_and_the_normalised_one_does_not() -> None:
    raw, normalised = plots.lengths()
    values = [value for _, value in raw]
    assert values == sorted(values, reverse=True)
    assert [round(values[0], -1), round(values[-1], -1)] == [2880, 260]
    assert all(abs(value - 2) < 0.03 for _, value in normalised)


def test_the_first_failed_run_was_evaluated_25_times_to_the_same_digit() -> None:
    _, evaluated = plots.failed()
    assert len(evaluated) == 25
    assert {value for _, value in evaluated} == {101.3997}


@pytest.mark.parametrize("name", ["alignment.svg", "layerwise-by-length.svg", "no-step.svg"])
def test_a_picture_is_drawn_whole_and_is_the_one_on_the_page(name: str) -> None:
    made = plots.pictures()[name]
    assert ET.fromstring(made).tag.endswith("svg")
    path = ROOT / "docs" / "images" / name
    assert path.read_text(encoding="utf-8") == made, "draw it with: python docs/plots.py"
    assert any(name in page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
