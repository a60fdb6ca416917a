"""The workflow is YAML that says what it means, and its commands run: on a fixture in the place of the training."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from example import FOLDER

ROOT = FOLDER.parent
FILE = FOLDER / "github-action" / "sad-doctor.yml"
WORKFLOW = yaml.safe_load(FILE.read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["doctor"]["steps"]


def step(name: str) -> dict[str, Any]:
    (found,) = (one for one in STEPS if one.get("name") == name)
    return found


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Run a step's command as the runner does: `bash -e`, with `sad` as it is and `gh` noting what it is asked."""
    programs, home = tmp_path / "bin", tmp_path / "home"
    programs.mkdir()
    home.mkdir()
    for name, does in {"sad": f'exec "{sys.executable}" -m sad "$@"', "gh": 'printf "%s\\n" "$@" > gh.txt'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    def run(name: str, **given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step(name)["run"]],
            cwd=home,
            env={**os.environ, **files, **given, "PATH": path, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    run.home, run.files = home, files  # type: ignore[attr-defined]
    return run


@pytest.mark.parametrize(("log", "code"), [("run2.log", 1), ("healthy", 0)])
def test_the_verdict_is_written_said_and_kept_to_the_end(shell: Any, log: str, code: int) -> None:
    (shell.home / "runs").mkdir()
    source = ROOT / "fixtures" / "runs" / log
    (shutil.copytree if source.is_dir() else shutil.copy)(source, shell.home / "runs" / "latest")

    judged = shell("Judge")
    assert (judged.returncode, judged.stderr) == (0, "page written: doctor.html\n")
    told = (shell.home / "doctor.md").read_text()
    assert Path(shell.files["GITHUB_STEP_SUMMARY"]).read_text() == told
    assert ("The weights never moved" in told) == (code == 1)
    sarif = json.loads((shell.home / "doctor.sarif").read_text())
    places = [one["locations"][0]["physicalLocation"] for one in sarif["runs"][0]["results"]]
    # GitHub wants a path inside the repository, and a line
    assert all(one == {"artifactLocation": {"uri": "runs/latest"}, "region": {"startLine": 1}} for one in places)
    assert bool(places) == (code == 1)
    assert (shell.home / "doctor.html").stat().st_size > 3000
    output = dict(line.split("=") for line in Path(shell.files["GITHUB_OUTPUT"]).read_text().splitlines())
    assert output == {"code": str(code)}

    assert shell("Verdict", CODE=output["code"]).returncode == code
    assert shell("Comment", PULL_REQUEST="7").returncode == 0
    assert (shell.home / "gh.txt").read_text().split()[:5] == ["pr", "comment", "7", "--body-file", "doctor.md"]


def test_a_training_that_left_nothing_is_red(shell: Any) -> None:
    judged = shell("Judge")
    assert judged.returncode == 0
    assert "there is no such file or folder" in judged.stderr
    assert Path(shell.files["GITHUB_OUTPUT"]).read_text() == "code=2\n"
    assert shell("Verdict", CODE="2").returncode == 2
    assert shell("Verdict", CODE="").returncode == 2


def test_what_is_uploaded_is_what_was_written() -> None:
    judge = step("Judge")["run"]
    for path in ("doctor.html", "doctor.sarif"):
        assert path in judge
        assert path in step("Upload the report")["with"]["path"].split()
    assert step("Show the findings in the security tab")["with"]["sarif_file"] == "doctor.sarif"
    assert step("Verdict")["env"]["CODE"] == f"${{{{ steps.{step('Judge')['id']}.outputs.code }}}}"


def test_the_training_and_the_installation_are_commands_of_this_tree() -> None:
    from typer.main import get_command

    from sad.cli.app import app

    words = shlex.split(step("Train for a minute")["run"])
    assert words[:2] == ["sad", "train"]
    command = get_command(app).commands["train"]  # type: ignore[attr-defined]
    assert command.make_context("train", words[2:]).params["max_steps"] == 60
    install = shlex.split(step("Install")["run"])
    assert install == ["pip", "install", "-c", "constraints.txt", "."]
    assert all((ROOT / place).exists() for place in (install[3], install[4], "packages/sad-doctor/pyproject.toml"))


def test_it_asks_for_what_it_needs_and_puts_no_stranger_s_text_into_a_shell() -> None:
    # YAML 1.1 reads the key `on` as true
    assert WORKFLOW[True] == "pull_request"
    assert WORKFLOW["permissions"] == {"contents": "read", "pull-requests": "write", "security-events": "write"}
    assert all(("run" in one) != ("uses" in one) for one in STEPS)
    assert all(re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", one["uses"]) for one in STEPS if "uses" in one)
    assert not any("${{" in one.get("run", "") for one in STEPS)
    after = STEPS[STEPS.index(step("Train for a minute")) + 1 :]
    assert all(one["if"].startswith("always()") for one in after)
