"""A few lines of a log, as people paste them into a report: from its middle, with lines that are cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sad_doctor import names
from sad_doctor.readers import read
from sad_doctor.run import Run


def told(path: Path, text: str) -> Run:
    file = path / "pasted.log"
    file.write_text(text, encoding="utf-8")
    return read(file)


def test_a_measure_on_a_line_of_its_own_is_of_the_epoch_above(tmp_path: Path) -> None:
    lines = "".join(f"Epoch: {n}, Loss: {9 - n}\n{'-' * 40}\nValidation Accuracy: 0.{n}\n" for n in (3, 4, 5))
    run = told(tmp_path, lines)
    assert run.columns["eval_Accuracy"].value.tolist() == [0.3, 0.4, 0.5]
    assert run.columns["eval_Accuracy"].step.tolist() == run.columns[names.LOSS].step.tolist() == [3, 4, 5]
    # before any record it may be a setting
    assert "eval_Accuracy" not in told(tmp_path, "Validation accuracy: 0.9\n" + lines[:18]).columns


def test_a_gradient_norm_with_its_step_is_a_training(tmp_path: Path) -> None:
    line = " iteration     {}/  250000 | consumed samples:        43408 | learning rate: 2.999E-04 | grad norm: nan |\n"
    run = told(tmp_path, "d norm: nan | actual seqlen:  2048 |\n" + line.format(5426) + line.format(5427))
    assert run.columns[names.GRAD_NORM].step.tolist() == [5426, 5427]
    assert names.LOSS not in run.columns


def test_an_evaluation_printed_between_bars_is_read(tmp_path: Path) -> None:
    bar = "Training Epoch: 4/150, step 63/64 completed (loss: 0.19): 100%|████| 64/64 [04:02<00:00,  3.78s/it]\n"
    said = " eval_ppl=tensor(nan, device='cuda:0') eval_epoch_loss=tensor(1.5, device='cuda:0')\n"
    run = told(
        tmp_path, bar + said + "Epoch 4: train_perplexity=nan, epoch time 242.3s\n" + bar.replace("4/150", "5/150")
    )
    assert run.columns[names.EVAL_LOSS].value.tolist() == [1.5]
    assert np.isnan(run.columns[names.EVAL_PERPLEXITY].value).all()
    assert run.columns[names.EVAL_LOSS].step.tolist() == run.columns[names.LOSS].step[:1].tolist()
    # what the training says of itself there is what the bars say
    assert run.columns[names.LOSS].value.tolist() == [0.19, 0.19]
