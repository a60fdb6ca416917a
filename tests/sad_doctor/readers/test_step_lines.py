"""What training loops print for themselves is read: step, epoch, losses, whatever stands between name and number."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import names, read
from sad_doctor.readers import Unreadable
from sad_doctor.readers.step_line import parse
from sad_doctor.readers.step_lines import StepLines, trains

KD = names.RAW + "kd"
SHAPES = {
    "colons": ("step: {i}, loss: {x}, kd: {y}, lr: 1e-4", {KD: "y"}),
    "equals": ("step={i} loss={x} kd_loss={y} lr=0.0001", {KD: "y"}),
    "bars": ("Step {i} | loss: {x} | KD loss: {y}", {KD: "y"}),
    "nanoGPT": ("iter {i}: loss {x}, time 123.4ms, mfu 12.3%", {}),
    "llm.c": ("step    {i}/900 | train loss {x} | norm 1.2345 | lr 3.00e-06 | (123.45 ms | 12345 tok/s)", {}),
    "torchtune": ("Step {i} | loss:{x} lr:2e-05 tokens_per_second_per_gpu:1234.5", {}),
    "torchtitan": ("step: {i:2d}  loss:  {x}  grad_norm: 1.5000  memory: 12.34GiB(15.62%)  tps: 1,234", {}),
    "Megatron-LM": (
        " iteration {i:8d}/     900 | consumed samples:  8 | elapsed time per iteration (ms): 123.4 | "
        "learning rate: 1.0E-04 | loss: {x} | kd loss: {y} | number of skipped iterations:   0 |",
        {KD: "y"},
    ),
    "fairseq": ("epoch 001:    {i} / 900 loss={x}, kd_loss={y}, wps=1234.5, lr=0.0001, gnorm=1.2", {KD: "y"}),
    "Keras": ("{i}/900 [====>......] - ETA: 3s - loss: {x} - kd_loss: {y}", {KD: "y"}),
    "brackets": ("Epoch [1/3], Step [{i}/900], Loss: {x}", {}),
    "MNIST": ("Train Epoch: 1 [{i}/900 (1%)]\tLoss: {x}", {}),
    "mmengine": (
        "10/30 22:18:02 - mmengine - INFO - Epoch(train)  [1][ {i}/900]  lr: 1.9870e-04  eta: 2:46:39  time: 2.8906  "
        "memory: 10762  loss: {x}  grad_norm: 3.0608  kd_loss: {y}",
        {KD: "y"},
    ),
    "LitGPT": ("Epoch 1 | iter {i} step {i} | loss train: {x}, val: n/a | iter time: 357.71 ms (step)", {}),
    "timm": (
        "Train: 0 [{i:>4d}/900 ( 12%)]  Loss: {x} (4.00)  Time: 0.310s,  825.81/s  LR: 5.000e-01  Data: 0.010",
        {},
    ),
    "Composer": ("[epoch=1][batch={i}/900]:\n\t Train time/batch: 7\n\t Train loss/train/total: {x}", {}),
    "verl": (
        "step:{i} - actor/kd/loss:{y} - actor/loss:{x} - actor/lr:0.000001 - response_length/mean:180.5",
        {KD: "y"},
    ),
    "a dict": ("{{'step': {i}, 'loss': {x}, 'kd_loss': {y}}}", {KD: "y"}),
    "a logger's": ("2026-01-01 10:00:00,123 - INFO - trainer - Epoch 1 Step {i}/900 loss={x} lr=1.0e-04", {}),
    "a launcher's": ("[2026-01-01 10:00:00,123] [INFO] [my.train:12] [RANK:0] global_step={i} loss={x}", {}),
}


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(["Loading 3 files from step1_data", *lines, "Done in 3 s"]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_read(tmp_path: Path, shape: str) -> None:
    line, more = SHAPES[shape]
    x, y = [4.5 - 0.01 * i for i in range(40)], [2.5 - 0.01 * i for i in range(40)]
    lines = [line.format(i=i + 1, x=f"{x[i]:.4f}", y=f"{y[i]:.4f}") for i in range(40)]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == list(range(1, 41))
    for name, values in {names.LOSS: x, **{name: y for name in more}}.items():
        assert run.columns[name].value == pytest.approx(values)


def test_steps_that_begin_anew_with_an_epoch_are_counted_on(tmp_path: Path) -> None:
    lines = [f"Epoch [{1 + i // 5}/2], Step [{1 + i % 5}/5], Loss: {9 - i}" for i in range(10)]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == list(range(1, 11))
    assert run.facts[names.TOTAL_STEPS] == 10


@pytest.mark.parametrize(("epochs", "place"), [("", "step"), ("/3", "global iter"), ("/3", "Step")])
def test_steps_that_run_on_through_the_epochs_are_those_of_the_run(tmp_path: Path, epochs: str, place: str) -> None:
    lines = [f"Epoch {1 + (i - 1) // 20}{epochs} | {place}: {i}/60 | loss: {9 - i / 10}" for i in range(1, 45)]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == list(range(1, 45))
    assert run.facts[names.TOTAL_STEPS] == 60


def test_a_heading_gives_its_step_to_the_lines_below(tmp_path: Path) -> None:
    lines = [text for i in range(1, 9) for text in (f"Step: {i * 10}", f"  Loss: {9 - i}", f"  KD loss: {i}.5", "")]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == [i * 10 for i in range(1, 9)]
    assert run.columns[KD].value.tolist() == [i + 0.5 for i in range(1, 9)]


def test_a_block_below_a_heading_has_all_its_values_and_settings_before_it_none(tmp_path: Path) -> None:
    block = (
        "==== Step {i} ====\nTotal Loss      : {x}.5\nGradient Norm   : 0.{i}\n"
        "Tokens/sec      : 1,234.5\nLearning Rate   : 1e-4"
    )
    lines = ["Learning Rate: 9.0", *(block.format(i=i, x=9 - i) for i in range(1, 9))]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.GRAD_NORM].step.tolist() == list(range(1, 9))
    assert run.columns[names.TOKENS_PER_SECOND].value.tolist() == [1234.5] * 8
    assert set(run.columns[names.LEARNING_RATE].value.tolist()) == {1e-4}


def test_an_evaluation_is_told_by_its_words() -> None:
    told = parse("Validation | step 20 | loss: 3.25 | ppl: 25.79")
    assert told is not None
    assert (told.step, dict(told.values)) == (20, {"eval_loss": 3.25, "eval_ppl": 25.79})
    told = parse("step 20: train loss 3.1, val loss 3.2")
    assert told is not None
    assert dict(told.values) == {"train_loss": 3.1, "val_loss": 3.2}


@pytest.mark.parametrize(
    "heading", ["Evaluation at step {i}", "***** Running validation *****", "[Eval] of the student"]
)
def test_values_below_the_heading_of_an_evaluation_are_its(tmp_path: Path, heading: str) -> None:
    lines = [f"step {i}: loss {9 - i / 10} kd {5 - i / 10}" for i in range(1, 41)]
    for i in (40, 20):
        lines[i:i] = [heading.format(i=i), f"loss: {i / 10}", "perplexity: 12.5", "kl: 0.5"]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].value == pytest.approx([9 - i / 10 for i in range(1, 41)])
    assert run.columns[names.EVAL_LOSS].value.tolist() == [2, 4]
    assert run.columns[names.EVAL_LOSS].step.tolist() == [20, 40]
    assert run.columns[names.EVAL_PERPLEXITY].value.tolist() == [12.5, 12.5]
    assert run.columns[names.EVAL_KL].value.tolist() == [0.5, 0.5]
    assert len(run.columns[KD].value) == 40


def test_losses_without_a_step_are_numbered_only_where_they_are_all_there_is(tmp_path: Path) -> None:
    run = read(written(tmp_path / "run.log", [f"loss: {9 - i}" for i in range(5)]))
    assert run.columns[names.LOSS].value.tolist() == [9, 8, 7, 6, 5]
    assert any("no step was logged" in note for note in run.notes)
    assert StepLines().line("loss: 3", known=True) is None
    assert StepLines().line("loss: 3", known=False) == 0


def test_numbers_with_a_unit_of_another_thing_are_not_values() -> None:
    told = parse("step 3 | loss 2.5 | 123.4ms | memory 12.3GiB | tokens 1,234,567")
    assert told is not None
    assert dict(told.values) == {"loss": 2.5, "gpu_mem_gib": 12.3, "tokens": 1234567}


def test_a_name_that_nobody_knows_has_a_nan_only_behind_a_sign() -> None:
    told = parse("step 3 | loss 2.5 | kl_coef: nan")
    assert told is not None
    assert math.isnan(told.values["kl_coef"])
    told = parse("step 3 | loss 2.5 | number of nan")
    assert told is not None
    assert dict(told.values) == {"loss": 2.5}


@pytest.mark.parametrize(
    "text",
    ["Step 1: install it. Loss of data is possible.", "In 2 steps we lose 3 files", "version 3.2", "", "x" * 5000],
)
def test_prose_is_no_training(text: str, tmp_path: Path) -> None:
    assert not trains([text])
    path = tmp_path / "notes.txt"
    path.write_text(text * 3, encoding="utf-8")
    with pytest.raises(Unreadable):
        read(path)


@given(st.text(alphabet="sl oe123./:=,|[]()'-eEinfa%", max_size=300))
def test_any_line_is_taken(text: str) -> None:
    lines = StepLines()
    for known in (True, False):
        lines.line(text, known)
    assert all(len(column.step) == len(column.value) for column in lines.columns.values())


@pytest.mark.parametrize("text", ["a" * 100_000, "a b " * 30_000, "1/" * 50_000, "loss " * 20_000, "a " * 50_000])
def test_a_hostile_line_is_soon_done_with(text: str) -> None:
    """What grew with the square of the length would take minutes."""
    assert parse(text) is None


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("step 1 - train loss: 17.1 - logits loss: 0.61", {"train_loss": 17.1, "logits_loss": 0.61}),
        ("step 1 total_loss: 5.8 soft target loss: 1.0", {"total_loss": 5.8, "soft_target_loss": 1.0}),
        ("INFO trainer Step 3 loss 2", {"loss": 2}),
        ("step 1 | loss: 2 | number of nan iterations:   0 |", {"loss": 2, "iterations": 0}),
        ("step:1 task:chat loss:2 mode=fast kd=1", {"loss": 2, "kd": 1}),
        ("Step 3 INFO my.train mean loss 2", {"mean_loss": 2}),
        ("Step 3 INFO trainer cosine loss 2", {"cosine_loss": 2}),
    ],
)
def test_a_loss_of_another_kind_is_not_the_total(line: str, values: dict[str, float]) -> None:
    told = parse(line)
    assert told is not None
    assert dict(told.values) == values


@pytest.mark.parametrize("spelled", ["nan", "NaN", "inf", "-inf", "Infinity"])
def test_a_value_in_letters_is_no_word_of_the_next_name(spelled: str) -> None:
    told = parse(f"step 2 loss {spelled} lr 1e-4 kd {spelled} grad_norm 3")
    assert told is not None
    assert list(told.values) == ["loss", "lr", "kd", "grad_norm"]
    assert str(told.values["loss"]) == str(told.values["kd"]) == str(float(spelled))


def test_an_epoch_of_one_line_has_the_steps_of_its_length(tmp_path: Path) -> None:
    bar = "782/782 [==============================] - 21s 27ms/step - loss: {x} - val_loss: 1.5"
    lines = [text for i in range(4) for text in (f"Epoch {i + 1}/4", bar.format(x=4 - i))]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == [782, 1564, 2346, 3128]
    assert run.facts[names.TOTAL_STEPS] == 3128
    assert any("by the epoch's length" in note for note in run.notes)


def test_a_step_in_its_epoch_is_counted_on_by_the_epochs_length(tmp_path: Path) -> None:
    lines = [f"Epoch: [{i // 10}][{i % 10 * 10:2d}/100] Loss {9 - i / 10} (9.9)" for i in range(30)]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == [10 * i for i in range(30)]


def test_a_step_may_be_spelled_in_thousands() -> None:
    for text, step in (("0.1k", 100), ("1,000", 1000), ("12k", 12000)):
        told = parse(f"step {text} | loss: 4.9")
        assert told is not None
        assert told.step == step


def test_the_batches_of_an_evaluation_are_no_steps(tmp_path: Path) -> None:
    lines = [
        f"Epoch: [{epoch}][{at}/100] Loss {4 - epoch} (4)" if at >= 0 else f"Test: [{-at}/50] Loss {5 - epoch} (5)"
        for epoch in range(3)
        for at in (0, 50, -1, -40)
    ]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == [0, 50, 100, 150, 200, 250]
    assert run.columns[names.EVAL_LOSS].step.tolist() == [50, 50, 150, 150, 250, 250]


def test_a_loss_of_another_kind_that_stands_alone_is_the_total(tmp_path: Path) -> None:
    run = read(written(tmp_path / "run.log", [f"step {i} | MSE loss: {9 - i}" for i in range(1, 9)]))
    assert run.columns[names.LOSS].value.tolist() == [9 - i for i in range(1, 9)]
    assert "read MSE_loss as train/loss: the log has no other loss" in run.notes
    run = read(written(tmp_path / "run.log", [f"step {i} | MSE loss: 1 | cosine loss: 2" for i in range(1, 9)]))
    assert names.LOSS not in run.columns


def test_an_epoch_that_is_cut_short_names_the_line(tmp_path: Path) -> None:
    """A heading "section 1/5" above lines that tell their epoch is no step."""
    lines = ["Section 1/5, epochs 1-100", *(f"  * Ep {i}: Loss {5 - i / 10:.4f} | {210 * i}.7s" for i in range(1, 17))]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == list(range(1, 17))
    assert run.columns[names.LOSS].value.tolist() == [round(5 - i / 10, 4) for i in range(1, 17)]
    assert run.columns[names.EPOCH].value.tolist() == list(range(1, 17))


def test_numbers_in_the_wrapping_of_a_tensor_or_of_numpy_are_read(tmp_path: Path) -> None:
    lines = [
        f"step {i}: {{'total_loss': tensor({9 - i}.25, device='cuda:0', grad_fn=<DivBackward0>), "
        f"'kd_loss': np.float64({8 - i}.5)}}"
        for i in range(1, 9)
    ]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].value.tolist() == [9.25 - i for i in range(1, 9)]
    assert run.columns[names.RAW + names.KD].value.tolist() == [8.5 - i for i in range(1, 9)]


def test_fairseqs_lines_of_json(tmp_path: Path) -> None:
    lines = [
        f'2026-11-26 10:00:01 | INFO | train_inner | {{"epoch": 1, "update": {i / 9:.3f}, "loss": "{9 - i}.5", '
        f'"num_updates": "{100 * i}", "lr": "0.0001", "gnorm": "1.5"}}'
        for i in range(1, 9)
    ]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == [100 * i for i in range(1, 9)]
    assert run.columns[names.LOSS].value.tolist() == [9.5 - i for i in range(1, 9)]


def test_minillms_steps_are_its_global_ones_and_its_inner_epochs_none(tmp_path: Path) -> None:
    lines = [
        f"train | data_epochs  0/ 3 | inner iter: {i % 5:3d}/  5 | ppo epoch: {i % 2:2d}/ 4 | "
        f"global iter: {i:6d}/    40| tot_loss: {9 - 0.1 * i:.4f} | rl_loss: 0.5000 | reward: -2.1000 | "
        "rev_kl: 0.8000| lr: 5.0000e-06 | scale:   1.00 | time: 2.100 | step time: 2.200"
        for i in range(1, 41)
    ]
    run = read(written(tmp_path / "run.log", lines))
    assert run.columns[names.LOSS].step.tolist() == list(range(1, 41))
    assert run.columns[names.LOSS].value == pytest.approx([9 - 0.1 * i for i in range(1, 41)])
    assert run.facts[names.TOTAL_STEPS] == 40
    assert names.EPOCH not in run.columns
