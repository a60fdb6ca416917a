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


def test_the_loss_of_each_step_is_the_total_beside_an_estimate_of_it(tmp_path: Path) -> None:
    estimate = "step {}: train loss {}, val loss {}\n"
    steps = "".join(f"iter {i}: loss {10 - i / 10}, time 431ms\n" for i in range(0, 30, 10))
    run = told(tmp_path, estimate.format(0, 10.9, 10.8) + steps + estimate.format(30, 7.2, 7.3))
    assert run.columns["train/loss"].value.tolist() == [10, 9, 8]
    assert run.columns["logged/train_loss"].value.tolist() == [10.9, 7.2]
    assert run.columns["eval/loss"].value.tolist() == [10.8, 7.3]
    assert any("train_loss stands beside evaluations alone" in note for note in run.notes)


def test_a_validation_of_two_lines_and_the_perplexities_of_opennmt(tmp_path: Path) -> None:
    time = "[2022-05-01 10:00:00,123 INFO] "
    run = told(
        tmp_path,
        f"{time}Step 50/100; acc: 8.1; ppl: 91.1; xent: 4.5; lr: 0.1; 9123/10234 tok/s; 21 sec\n"
        f"{time}Validation perplexity: 81.5\n{time}Validation accuracy: 15.1\n"
        f"{time}Step 100/100; acc: 9.1; ppl: 80.1; xent: 4.4; lr: 0.1; 9123/10234 tok/s; 42 sec\n",
    )
    assert run.columns["eval/perplexity"].value.tolist() == [81.5]
    assert run.columns["eval_accuracy"].value.tolist() == [15.1]
    assert run.columns["train/raw/ce"].value.tolist() == [4.5, 4.4]


def test_steps_that_were_all_skipped_are_a_training_too(tmp_path: Path) -> None:
    line = " iteration {}/ 500000 | learning rate: 0.000E+00 | loss scale: {}.0 | number of skipped iterations:   1 |\n"
    run = told(tmp_path, "".join(line.format(n, 2 ** (20 - n)) for n in range(1, 4)))
    assert run.columns["train/loss_scale"].value.tolist() == [2**19, 2**18, 2**17]


def test_perplexities_are_all_that_a_log_may_tell(tmp_path: Path) -> None:
    lines = "".join(f"Epoch 1 ; Iter {n}/99 ; LR 1.0 ; Target tokens/s 1265 ; PPL {9000 - n}\n" for n in (50, 99))
    run = told(tmp_path, lines + "Validation perplexity: 493.5\n")
    assert run.columns["train_ppl"].value.tolist() == [8950, 8901]
    assert (run.columns["eval/perplexity"].step.tolist(), run.columns["eval/perplexity"].last) == ([99], 493.5)


def test_an_evaluation_before_the_training_begins(tmp_path: Path) -> None:
    lines = "eval | rougeL: 20.5 | lens: 69.7\ntrain | epoch 0 | global iter: 10/ 100 | loss: 2.1 | lr: 1e-6\n"
    run = told(tmp_path, lines + "eval | rougeL: 21.5 | lens: 70.1\n")
    assert run.columns["eval_rougeL"].step.tolist() == [0, 10]


def test_a_word_before_each_loss_is_all_that_tells_them_apart(tmp_path: Path) -> None:
    run = told(tmp_path, "".join(f"Train: loss {9 - n}\nValid: loss {9 - n}.5\n" for n in range(4)))
    assert run.columns["train/loss"].value.tolist() == [9, 8, 7, 6]
    assert run.columns["eval/loss"].value.tolist() == [9.5, 8.5, 7.5, 6.5]
