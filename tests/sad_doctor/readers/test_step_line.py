"""One line: what counts its step where it has no word such as step."""

from __future__ import annotations

import math

import pytest

from sad_doctor.readers.step_line import parse


@pytest.mark.parametrize(
    ("line", "step", "steps", "epoch"),
    [
        ("Epoch 1 Batch 30: total=103.1, kd=1.01", 30, None, 1),
        ("[Epoch 2][Batch 10] loss: 3.2", 10, None, 2),
        ("batch 10/200, loss: 2.33", 10, 200, None),
        ("Epoch 1 step 7 batch 30 loss 2", 7, None, 1),
        ("#100 loss 2.3", 100, None, None),
        ("100: loss=2.3", 100, None, None),
        ("[100] loss 2.3", 100, None, None),
        ("[100] step 7 loss 2.3", 7, None, None),
        ("[100] 7/20 loss 2.3", 7, 20, None),
    ],
)
def test_a_batch_or_a_number_in_front_counts_where_no_step_does(
    line: str, step: float, steps: int | None, epoch: float | None
) -> None:
    told = parse(line)
    assert told is not None
    assert (told.step, told.steps, told.epoch) == (step, steps, epoch)
    assert told.has_loss


def test_a_batch_that_counts_nothing_is_a_value() -> None:
    told = parse("loss 2.3 batch 32")
    assert told is not None
    assert told.step is None
    assert dict(told.values) == {"loss": 2.3, "batch": 32}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("step_7 loss:2.5 kd:1.5", {"loss": 2.5, "kd": 1.5}),
        ("Step#7 loss:2.5", {"loss": 2.5}),
        ("step0007: loss 2.5", {"loss": 2.5}),
        ('{"step": 7, "loss": 2.5, "losses": {"kd": 1.5}}', {"loss": 2.5, "kd": 1.5}),
        ("Global step: 7. Loss: 2.5. KL loss: 1.5.", {"Loss": 2.5, "KL_loss": 1.5}),
        ("step 7 loss 2,3451 kd 0,125 ce 1,5", {"loss": 2.3451, "kd": 0.125, "ce": 1.5}),
        ("step 7 tokens 1,234 loss 2.5", {"tokens": 1234, "loss": 2.5}),
        ("step 7 | loss: 2.5 | lr 1e-4 | norm: 0.5", {"loss": 2.5, "lr": 1e-4, "grad_norm": 0.5}),
        ("step 7 | loss: 2.5 | norm: 0.5", {"loss": 2.5, "norm": 0.5}),
        (
            "Step 7 | L_total 2.5 | L_kd 1.5 | ‖∇‖ 0.5 | η 1e-4",
            {"L_total": 2.5, "L_kd": 1.5, "grad_norm": 0.5, "lr": 1e-4},
        ),
    ],
)
def test_a_step_and_its_values_are_read_however_they_are_joined(line: str, values: dict[str, float]) -> None:
    told = parse(line)
    assert told is not None
    assert (told.step, dict(told.values)) == (7, values)


def test_a_value_that_we_know_is_a_line_of_its_own_and_settings_with_words_none() -> None:
    told = parse("Learning Rate   : 1e-4")
    assert told is not None
    assert (told.has_loss, dict(told.values)) == (False, {"Learning_Rate": 1e-4})
    assert parse("Temperature     : 2.0") is None
    assert parse("a learning rate of 1e-4") is None


@pytest.mark.parametrize("line", ["12:30:01 loss=2.3", "3.2: loss=2.3", "2026-11-27 loss=2.3"])
def test_a_time_in_front_is_no_step(line: str) -> None:
    told = parse(line)
    assert told is not None
    assert told.step is None


@pytest.mark.parametrize(("size", "told"), [("768", {"loss": 3.2, "kd": 0.5}), ("0.5", {"hidden": 0.5})])
def test_a_size_beside_a_loss_is_no_part_of_it(size: str, told: dict[str, float]) -> None:
    line = parse(f"step 10 loss 3.2 kd 0.5 hidden {size}")
    assert line is not None
    assert dict(line.values) == {"loss": 3.2, "kd": 0.5} | told


def test_a_value_that_is_not_finite_is_prose_where_no_sign_stands_before_it() -> None:
    told = parse("step 7 loss 2.5 zeta: nan")
    assert told is not None
    assert math.isnan(told.values["zeta"])
    told = parse("step 7 loss 2.5 number of skipped iterations 0 number of nan iterations 0")
    assert told is not None
    assert not any(math.isnan(value) for value in told.values.values())


def test_an_epoch_and_a_batch_in_brackets_are_not_taken_for_one_another() -> None:
    said = parse("INFO Train: [2/10][20/1251] eta 0:55:23 lr 0.0032 time 2.38 (2.69) loss 6.9083 (6.9080) mem 48463MB")
    assert said is not None
    assert (said.epoch, said.epochs, said.step, said.steps) == (2, 10, 20, 1251)
    assert said.values["loss"] == 6.9083


def test_a_perplexity_beside_a_rate_is_one_of_the_training() -> None:
    def told(line: str) -> list[str]:
        said = parse(line)
        assert said is not None
        return list(said.values)

    assert told("Step 50/100; acc: 8.12; ppl: 91.1; xent: 4.5; lr: 0.1") == ["acc", "train_ppl", "xent", "lr"]
    assert told("epoch 001 | valid on 'valid' subset | loss 9.1 | ppl 278.8") == ["eval_loss", "eval_ppl"]
    assert told("Step 100 | eval loss 2.3 | ppl 9.97 | lr 1e-4") == ["eval_loss", "ppl", "lr"]
    # alone it may be either
    assert told("Validation perplexity: 812.3") == ["Validation_perplexity"]


@pytest.mark.parametrize(
    ("line", "epoch", "step", "values"),
    [
        ("7epoch:train:376-750batch: loss=1.5, train_time=0.01", 7, 750, {"loss": 1.5, "train_time": 0.01}),
        ("Train Epoch: 16 Loss: 0.5: 100% 2785/2785", 16, 2785, {"Loss": 0.5}),
        ("  eval_loss               =        nan", None, None, {"eval_loss": math.nan}),
    ],
)
def test_epochs_and_values_of_other_trainers(line, epoch, step, values) -> None:
    said = parse(line)
    assert said is not None
    assert (said.epoch, said.step) == (epoch, step)
    assert dict(said.values) == pytest.approx(values, nan_ok=True)


def test_a_word_before_the_values_of_an_evaluation_leaves_the_line_whole() -> None:
    said = parse("eval | rougeL: 25.100 | exact_match: 3.200 | rev_kl: 1.894 | lens: 69.771 ")
    assert said is not None
    assert said.measures
    assert list(said.values) == ["eval_rougeL", "eval_exact_match", "eval_rev_kl", "eval_lens"]
    assert parse("then eval | rougeL: 25.100") is None
