"""The notebook runs from top to bottom, on little, and has no outputs in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
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


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is installed, and what is asked of git and of pip is a line in a file."""

    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("git", "python"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$@" >> "$ASKED"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    monkeypatch.setattr(metadata, "version", absent)
    monkeypatch.setattr(sys, "executable", str(tools / "python"))
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    return tmp_path / "asked"


@pytest.mark.parametrize("folder", [FOLDER, FOLDER.parent], ids=["examples", "root"])
def test_it_installs_the_clone_that_it_lies_in(asked: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    exec(CODE[0], {})
    assert asked.read_text(encoding="utf-8") == f"python -m pip install -q {FOLDER.parent}\n"


def test_without_a_clone_it_makes_one_of_the_repository(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project of another name is passed by; without an address one line says what to set."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"no clone .*: set REPOSITORY"):
        exec(CODE[0], {})
    assert not asked.exists()
    named = CODE[0].replace('REPOSITORY = ""', 'REPOSITORY = "file:///there"')
    exec(named, {})
    cloned, installed = asked.read_text(encoding="utf-8").splitlines()
    assert cloned.startswith("git clone -q --depth 1 file:///there /")
    assert installed == f"python -m pip install -q {cloned.split(' ')[-1]}"


def test_a_clone_among_the_inputs_of_the_session_is_found(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "input" / "sad").mkdir(parents=True)
    (tmp_path / "input" / "sad" / "pyproject.toml").write_text('name = "student-aware-distillation"', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(CODE[0].replace("/kaggle/input", str(tmp_path / "input")), {})
    assert asked.read_text(encoding="utf-8") == f"python -m pip install -q {tmp_path / 'input' / 'sad'}\n"


def test_a_failed_installation_ends_the_cell(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (asked.parent / "tools" / "python").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    monkeypatch.chdir(FOLDER)
    with pytest.raises(subprocess.CalledProcessError):
        exec(CODE[0], {})


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
