"""The example runs offline, with one tokenizer and with two, and its loss does not depend on how a step is cut."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from example import FOLDER, load
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer

from sad import tiny
from sad.data import collate
from sad_doctor import check, read


@pytest.fixture(scope="module")
def example() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        # as Python does for a program: what stands beside it can be imported
        patch.syspath_prepend(FOLDER)
        return load("hf_trainer")


def folder(tmp_path: Path, same: bool) -> Path:
    pair = tiny.pair(320, 320) if same else tiny.pair()
    for name in ("teacher", "student"):
        getattr(pair, name).save_pretrained(tmp_path / name)
        getattr(pair.readers, name).tokenizer.save_pretrained(tmp_path / name)
    (tmp_path / "text.txt").write_text(tiny.TEXT * 4, encoding="utf-8")
    return tmp_path


def run(example: ModuleType, where: Path, size: int, accumulation: int, steps: int = 3, **more: Any) -> Any:
    AcceleratorState._reset_state(reset_partial_state=True)
    words = {"teacher": where / "teacher", "student": where / "student", "text": where / "text.txt"}
    numbers = {"steps": steps, "batch-size": size, "accumulation": accumulation, "max-length": 32, **more}
    torch.manual_seed(0)
    found = {**words, **numbers, "output": where / f"out-{size}-{accumulation}"}
    trainer = example.main([part for name, value in found.items() for part in (f"--{name}", str(value))])
    AcceleratorState._reset_state(reset_partial_state=True)
    return trainer


def losses(trainer: Any) -> list[float]:
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


@pytest.mark.parametrize("same", [True, False])
def test_a_step_is_the_same_however_it_is_cut(example: ModuleType, tmp_path: Path, same: bool) -> None:
    where = folder(tmp_path, same)
    whole, cut = run(example, where, 4, 1), run(example, where, 1, 4)
    assert whole.model.vocab.identity == same
    assert len(losses(whole)) == 3
    assert losses(cut) == pytest.approx(losses(whole), rel=1e-3)
    mine, theirs = tiny.weights(whole.model), tiny.weights(cut.model)
    start = tiny.weights(AutoModelForCausalLM.from_pretrained(where / "student"))
    # Adam divides by the gradient's size: where that is noise, so is the step
    assert float((mine - theirs).norm()) < 0.02 * float((tiny.weights(whole.model.student) - start).norm())


def test_the_loss_that_is_logged_is_that_of_the_weights_and_the_student_is_saved(
    example: ModuleType, tmp_path: Path
) -> None:
    where = folder(tmp_path, same=False)
    trainer = run(example, where, 2, 2, steps=1)
    fresh = tiny.pair()
    (scores,) = [line for line in trainer.state.log_history if "eval_kl" in line]
    assert math.isfinite(scores["eval_bits_per_byte"])
    assert 0 < scores["eval_agreement"] <= 1
    saved = AutoModelForCausalLM.from_pretrained(where / "out-2-2")
    assert torch.equal(tiny.weights(saved), tiny.weights(trainer.model.student))
    assert not torch.equal(tiny.weights(saved), tiny.weights(fresh.student))
    assert AutoTokenizer.from_pretrained(where / "out-2-2").vocab_size == fresh.readers.student.tokenizer.vocab_size


def test_the_units_of_each_term_are_counted_over_the_step(example: ModuleType, tmp_path: Path) -> None:
    where = folder(tmp_path, same=False)
    trainer = run(example, where, 2, 2, steps=1)
    some = [{"batch": collate(trainer.train_dataset[i : i + 2], trainer.readers)} for i in (0, 2)]
    _, units = trainer.get_batch_samples(iter(some), 2, torch.device("cpu"))
    assert units["lm"] == sum(len(one["batch"].targets) for one in some)
    assert 0 < units["kd"] == sum(len(one["batch"].boundaries) for one in some) < units["lm"]


def test_a_mean_for_each_micro_batch_would_be_another_loss(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the counts are for: without them the step depends on how it is cut, and the first test sees it."""
    where = folder(tmp_path, same=False)
    whole = losses(run(example, where, 4, 1))
    monkeypatch.setattr(
        example.DistilTrainer, "get_batch_samples", lambda self, *a: (Trainer.get_batch_samples(self, *a)[0], None)
    )
    assert losses(run(example, where, 1, 4)) != pytest.approx(whole, rel=1e-3)


def test_its_terms_are_recorded_and_sum_to_the_loss(example: ModuleType, tmp_path: Path) -> None:
    where = folder(tmp_path, same=False)
    run(example, where, 2, 2, steps=12)
    told = read(where / "out-2-2")
    assert told.facts["status"] == "finished"
    columns = {name: told.columns[f"train/{name}"] for name in ("loss", "weighted/kd", "weighted/lm")}
    layers = told.columns["train/weighted/layerwise"].value
    assert columns["loss"].step.tolist() == list(range(1, 13))
    parts = columns["weighted/kd"].value + columns["weighted/lm"].value + layers
    np.testing.assert_allclose(parts, columns["loss"].value, rtol=1e-3)
    assert "R204" in check(told).passed


def test_a_red_flag_ends_its_run(example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = folder(tmp_path, same=False)
    trainer = run(example, where, 2, 1, steps=200, rate=0, every=10)
    assert trainer.state.global_step < 60
    assert f"stopped at step {trainer.state.global_step}: R10" in capsys.readouterr().out
    assert read(where / "out-2-1").facts["status"] == "interrupted"
