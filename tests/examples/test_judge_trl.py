"""The example reads what TRL's trainers write, and finds the fault that is planted in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from example import load

WRITTEN = Path(__file__).parents[2] / "fixtures" / "foreign"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load("judge_trl")


def state(folder: Path, steps: int, rate: float = 1e-4) -> None:
    """Write a state with the keys that SFT and the distillation trainers of TRL log."""
    history: list[dict[str, Any]] = [
        {
            "entropy": 1.2,
            "epoch": step / 800,
            "grad_norm": 0.9 + 0.01 * (step % 7),
            "learning_rate": rate * (1 - step / 1000),
            # weights that never move: the batches differ, nothing falls
            "loss": 1.0 + (3.0 / (1 + step / 50) if rate else 3.0) + 0.01 * (step % 3),
            "mean_token_accuracy": 0.6,
            "num_tokens": 1000.0 * step,
            "step": step,
        }
        for step in range(10, steps + 1, 10)
    ]
    told = {"epoch": 1.0, "global_step": steps, "log_history": history, "logging_steps": 10, "max_steps": 800}
    place = folder / f"checkpoint-{steps}"
    place.mkdir(parents=True)
    (place / "trainer_state.json").write_text(json.dumps(told), encoding="utf-8")


def test_a_run_that_learns_has_no_error(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state(tmp_path, 800)
    assert example.main([str(tmp_path), "--html", str(tmp_path / "report.html")]) == 0
    said = capsys.readouterr().out
    assert "ERROR" not in said
    assert "0 terms of the loss are logged" in said
    assert "<svg" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_newest_state_is_judged_and_its_fault_named(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state(tmp_path, 400)
    state(tmp_path, 800, rate=0.0)
    assert example.newest(tmp_path).parent.name == "checkpoint-800"
    assert example.main([str(tmp_path)]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("ERROR R10")
    assert "learning rate" in first


def test_a_folder_without_a_checkpoint_is_one_line(example: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no checkpoint yet"):
        example.main([str(tmp_path)])


@pytest.mark.parametrize(("kind", "code"), [("sft", 0), ("gkd", 1)])
def test_what_trl_itself_wrote_is_judged(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, code: int
) -> None:
    """Both were written by TRL (fixtures/README.md); the learning rate of the GKD run was 0."""
    place = tmp_path / "checkpoint-120"
    place.mkdir()
    shutil.copy(WRITTEN / f"trl_{kind}_trainer_state.json", place / "trainer_state.json")
    assert example.main([str(tmp_path)]) == code
    said = capsys.readouterr().out
    if code == 0:
        assert said.startswith("0 findings; ")
    else:
        assert said.startswith("ERROR R101: The weights never moved")


@pytest.mark.skipif(os.name == "nt", reason="pipes that close as under POSIX")
def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-1").mkdir()
    shutil.copy(WRITTEN / "trl_sft_trainer_state.json", tmp_path / "checkpoint-1" / "trainer_state.json")
    read, write = os.pipe()
    os.close(read)
    call = [sys.executable, str(WRITTEN.parents[1] / "examples" / "judge_trl.py"), str(tmp_path)]
    done = subprocess.run(call, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
