"""The forms and workflows for the code host are what it takes, and ask for what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
KINDS = {"textarea", "input", "dropdown", "checkboxes", "markdown"}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_has_what_a_form_needs(path: Path) -> None:
    form = read(path)
    assert set(form) == {"name", "description", "labels", "body"}
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids) > 1
    assert {field["type"] for field in form["body"]} <= KINDS
    assert all(field["attributes"]["label"] for field in form["body"])
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_each_kind_of_report_has_a_form() -> None:
    assert {path.stem for path in FORMS} == {"bug", "false-alarm", "missed-fault", "new-rule"}


def test_ci_runs_what_a_person_runs_on_every_python_that_is_promised() -> None:
    flow = read(ROOT / ".github" / "workflows" / "ci.yml")
    job = flow["jobs"]["ci"]
    assert [step["run"] for step in job["steps"][-2:]] == ["bash .ci/run", "make thorough"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # a list of cases, or of exceptions, would not be the whole
    assert job["strategy"]["matrix"] == {
        "os": ["ubuntu-latest", "macos-latest"],
        "python": ["3.11", "3.12", "3.13"],
    }
    assert job["runs-on"] == "${{ matrix.os }}"
    (setup,) = (step for step in job["steps"] if "setup-python" in step.get("uses", ""))
    assert setup["with"]["python-version"] == "${{ matrix.python }}"
    assert job["strategy"]["matrix"]["python"][0] == project["requires-python"].removeprefix(">=")


@pytest.mark.parametrize("name", ["ci", "release"])
def test_a_workflow_reads_only_and_says_so(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"run: make (\w+)", text)) <= set(targets)
