"""The notebook runs from top to bottom, on little, and has no outputs in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from example import FOLDER

BOOK = json.loads((FOLDER / "kaggle.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in BOOK["cells"] if cell["cell_type"] == "code"]
SMALL = {
    '"embedded", "embedded", "embedded"': '"PAIR/teacher", "PAIR/student", "PAIR/text.txt"',
    "STEPS = 120": "STEPS = 3",
    '["V101", "V104", "V105"]': '["V105"]',
    '"train.max_hours": 11': '"data.eval_windows": 2, "data.max_length": 32',
}


def test_it_is_a_notebook_without_outputs() -> None:
    assert (BOOK["nbformat"], BOOK["nbformat_minor"]) == (4, 4)
    assert {cell["cell_type"] for cell in BOOK["cells"]} == {"markdown", "code"}
    assert [cell for cell in BOOK["cells"] if cell.get("outputs") or cell.get("execution_count")] == []
    assert len(CODE) == 6


def test_its_cells_run(
    tmp_path: Path, pair_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[Any] = []
    page = ModuleType("IPython.display")
    # what a notebook has and a test has not
    vars(page).update(HTML=str, display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython.display", page)
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    monkeypatch.chdir(tmp_path)
    values: dict[str, Any] = {}
    whole = "\n".join(CODE)
    assert [large for large in SMALL if large not in whole] == []
    for number, cell in enumerate(CODE):
        for large, small in SMALL.items():
            cell = cell.replace(large, small)
        exec(compile(cell.replace("PAIR", str(pair_folder)), f"cell {number}", "exec"), values)
    assert "V105" in capsys.readouterr().out
    assert values["run"].columns["train/loss"].value.size == 3
    assert shown[0].startswith("<iframe srcdoc=")
    assert "&lt;svg" in shown[0]
