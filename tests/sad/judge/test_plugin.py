"""`pytest --sad-loss`: one test a property. The plugin imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# where sad is installed its entry point would register the plugin a second time
ALONE = {"PYTHONPATH": str(ROOT), "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def pytest_on(folder, *args):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "sad.judge.plugin",
        "-p",
        "no:cacheprovider",
        "-v",
        *map(str, args),
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=ALONE)


def test_a_right_loss_passes_property_by_property(tmp_path):
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n", encoding="utf-8")
    done = pytest_on(tmp_path, "--sad-loss", f"{HERE / 'right_losses.py'}:plain")
    assert done.returncode == 0, done.stdout
    assert "test_own.py::test_own PASSED" in done.stdout
    assert "known_divergence PASSED" in done.stdout
    assert "fused_gradients SKIPPED" in done.stdout


def test_a_faulty_loss_fails_with_its_line_and_no_traceback_of_ours(tmp_path):
    done = pytest_on(tmp_path, "--sad-loss", f"{HERE / 'faulty_losses.py'}:element_mean")
    assert done.returncode == 1
    assert "known_divergence FAILED" in done.stdout
    assert "again: sad verify --loss" in done.stdout
    assert "plugin.py" not in done.stdout


def test_what_cannot_be_judged_fails(tmp_path):
    done = pytest_on(tmp_path, "--sad-loss", "nosuchmodule:loss")
    assert done.returncode == 1
    assert "there is no module nosuchmodule" in done.stdout
    # one item tells why, the others do not repeat it
    assert "1 failed" in done.stdout
    assert "can_be_called FAILED" in done.stdout
    assert "known_divergence SKIPPED" in done.stdout


def test_the_plugin_imports_nothing_heavy():
    look = "import sys, sad.judge.plugin; print(sorted({'torch', 'transformers', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.thorough
def test_a_collator_is_tested_likewise(tmp_path):
    done = pytest_on(tmp_path, "--sad-collator", f"{HERE / 'collators' / 'faulty_collators.py'}:end_masked")
    assert done.returncode == 1
    assert "tokens_kept PASSED" in done.stdout
    assert "target_alignment FAILED" in done.stdout
    assert "truncated_alike SKIPPED" in done.stdout
    assert "again: sad verify --collator" in done.stdout
    assert "plugin.py" not in done.stdout
