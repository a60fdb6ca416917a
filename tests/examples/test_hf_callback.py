"""The callback on a tiny pair: the parts are those of the loss, and a red flag ends the run."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from accelerate.state import AcceleratorState
from example import load

from sad import tiny
from sad_doctor import check, read


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load("hf_callback")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    made = tiny.pair(320, 320)
    for name in ("teacher", "student"):
        getattr(made, name).save_pretrained(folder / name)
        getattr(made.readers, name).tokenizer.save_pretrained(folder / name)
    (folder / "text.txt").write_text(tiny.TEXT * 4, encoding="utf-8")
    return folder


def run(example: ModuleType, pair: Path, output: Path, **words: Any) -> Any:
    AcceleratorState._reset_state(reset_partial_state=True)
    places = {
        name: pair / file for name, file in (("teacher", "teacher"), ("student", "student"), ("text", "text.txt"))
    }
    said = {**places, "output": output, "batch-size": 2, "max-length": 16, "every": 10, **words}
    trainer = example.main([part for name, value in said.items() for part in (f"--{name}", str(value))])
    AcceleratorState._reset_state(reset_partial_state=True)
    return trainer


def test_a_healthy_run_ends_and_its_parts_sum_to_its_loss(example: ModuleType, pair: Path, tmp_path: Path) -> None:
    trainer = run(example, pair, tmp_path, steps=12, **{"kd-weight": 0.5})
    assert trainer.state.global_step == 12
    told = read(tmp_path)
    assert told.facts["status"] == "finished"
    assert told.fact("total_steps") == 12
    loss, kd, lm = (told.columns[f"train/{name}"] for name in ("loss", "weighted/kd", "weighted/lm"))
    assert loss.step.tolist() == list(range(1, 13))
    np.testing.assert_allclose(kd.value + lm.value, loss.value, rtol=1e-4)
    assert kd.value.min() > 0
    assert "R204" in check(told).passed


def test_a_red_flag_ends_the_run(
    example: ModuleType, pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = run(example, pair, tmp_path, steps=200, rate=0)
    assert trainer.state.global_step < 60
    assert "R10" in capsys.readouterr().out.splitlines()[-2]
    told = read(tmp_path)
    assert told.facts["status"] == "interrupted"
    assert [event.kind for event in told.events] == ["red_flag"]
    assert told.events[0].step == trainer.state.global_step
