"""The wheel, unpacked outside the checkout, does all of it: what the commands need is in the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True, timeout=300)
    (wheel,) = folder.glob("student_aware_distillation-*.whl")
    site = folder / "site"
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)], check=True, timeout=300
    )
    return site


def sad(site: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "sad", *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )


def test_the_package_that_runs_is_the_wheel(installed: Path, tmp_path: Path):
    code = "import sad, sad_doctor; print(sad.__file__); print(sad_doctor.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert [Path(line).is_relative_to(installed) for line in told.stdout.splitlines()] == [True, True]


def test_verify_runs_the_passage_and_the_training_loop(installed: Path, tmp_path: Path):
    told = sad(installed, tmp_path, "verify", "V102", "V109")
    assert told.returncode == 0, told.stderr
    assert "Issue #2: Sequence Length Alignment - VERIFIED" in told.stdout


def test_train_and_doctor_work_on_the_embedded_pair(installed: Path, tmp_path: Path):
    quick = ("--max-steps", "2", "--batch-size", "2", "--set", "data.eval_windows=2")
    told = sad(installed, tmp_path, "train", *quick)
    assert told.returncode == 0, told.stderr
    assert "student after" in told.stdout
    assert (tmp_path / "runs" / "latest" / "student" / "model.safetensors").is_file()
    judged = sad(installed, tmp_path, "doctor", "runs/latest", "--json")
    assert judged.returncode in (0, 1), judged.stderr
    assert json.loads(judged.stdout)["schema"] == 1
    drawn = sad(installed, tmp_path, "doctor", "runs/latest", "--svg", "picture.svg")
    assert drawn.returncode == judged.returncode, drawn.stderr
    assert (tmp_path / "picture.svg").read_text().lstrip().startswith("<svg")


def test_pages_are_printed(installed: Path, tmp_path: Path):
    assert "optimizer" in sad(installed, tmp_path, "explain", "V104").stdout
    assert "share" in sad(installed, tmp_path, "explain", "R203").stdout
