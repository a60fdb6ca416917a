import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers.numbers import NUMBER
from sad_doctor.readers.progress import Beside, bar_column, find_bar

LOSSES = ((1, 2.5), (2, 2.5), (3, 2.25), (4, 2.25))
LINE = "Epoch 0:   4%|▍         | 1000/24914 [07:25<3:00:02, 2.21it/s, loss=29.0376, lr=0.000e+00, step=999]"


def test_a_bar_tells_its_place_and_its_values():
    bar = find_bar(LINE)
    assert bar is not None
    assert (bar.description, bar.at, bar.total, bar.epoch) == ("Epoch 0", 1000, 24914, 0)
    assert bar.values == {"loss": 29.0376, "lr": 0.0, "step": 999.0}
    assert bar.is_training
    assert LINE[bar.start : bar.end] == LINE


@pytest.mark.parametrize(
    ("line", "values", "epoch"),
    [
        (
            "Epoch 2/3:  50%|███  | 7/20 [00:10<00:10,  3.21it/s, Loss=2.5, KD Loss=1.5]",
            {"Loss": 2.5, "KD_Loss": 1.5},
            2,
        ),
        (
            "Epoch 2:  50%|███  | 7/20 [00:10<00:10, 3.21it/s, {'loss': '2.5', 'kd_loss': 1.5}]",
            {"loss": 2.5, "kd_loss": 1.5},
            2,
        ),
        ("Epoch 2 | loss: 2.5 | kd: 1.5:  50%|███  | 7/20 [00:10<00:10,  3.21it/s]", {"loss": 2.5, "kd": 1.5}, 2),
        (
            "Training Epoch: 2/3, step 6/20 completed (loss: 2.5):  33%|███  | 7/20 [01:00<02:00,  1.21s/it]",
            {"loss": 2.5},
            2,
        ),
        (
            "-Iter:   5%|███  | 7/20 [00:10<00:10, 3.2it/s, Last_loss=2.5, Avg_cum_loss=3]",
            {"Last_loss": 2.5, "Avg_cum_loss": 3},
            None,
        ),
        ("loss: 2.5:  50%|███  | 7/20 [00:10<00:10,  3.21it/s]", {"loss": 2.5}, None),
    ],
)
def test_values_of_a_bar_are_read_however_they_are_named(line, values, epoch):
    bar = find_bar(line)
    assert bar is not None
    assert bar.is_training
    assert (dict(bar.values), bar.epoch, bar.at, bar.total) == (values, epoch, 7, 20)


@pytest.mark.parametrize(
    "head", ["[Eval] loss: 51.7 ", "[TOTAL] Loss: 3.2 ", "Step 3: eval loss: 2.5 ", "Epoch 1: scored 2.5 "]
)
def test_what_was_printed_before_a_bar_is_none_of_its_values(head):
    bar = find_bar(head + "Work:  50%|███  | 7/20 [00:10<00:10,  3.21it/s, lr=1e-4]")
    assert bar is not None
    assert dict(bar.values) == {"lr": 1e-4}


def test_text_behind_a_bar_is_not_part_of_it():
    bar = find_bar(LINE + "[Eval] loss: 51.7094, ppl: 485165195.41")
    assert bar is not None
    assert bar.end == len(LINE)


@pytest.mark.parametrize(
    ("line", "at", "total", "training"),
    [
        ("Epoch 0:   0%|          | 0/24914 [00:00<?, ?it/s]", 0, 24914, True),
        ("100%|██████████| 500/500 [01:02<00:00,  8.1it/s, loss=nan]", 500, 500, True),
        ("  8%|8         | 42/500 [00:12<02:15, 3.4it/s]", 42, 500, False),
        ("Epoch 2: 77it [00:12, 3.4it/s, loss=1.5]", 77, None, True),
        ("Evaluating:  50%|█████     | 5/10 [00:01<00:01, 4.0it/s, loss=3.1]", 5, 10, False),
        ("Loading checkpoint shards: 100%|██████████| 2/2 [00:01<00:00, 1.6it/s]", 2, 2, False),
        ("model.safetensors: 100%|██████████| 272/272 [00:09<00:00, 29.1MB/s]", 272, 272, False),
    ],
)
def test_bars_of_all_kinds(line, at, total, training):
    bar = find_bar(line)
    assert bar is not None
    assert (bar.at, bar.total, bar.is_training) == (at, total, training)


def test_a_loss_that_is_not_a_number_is_kept():
    bar = find_bar("Epoch 1:   4%|▍ | 10/99 [00:01<00:02, 2.21it/s, loss=nan, lr=inf]")
    assert bar is not None
    assert math.isnan(bar.values["loss"])
    assert bar.values["lr"] == math.inf


@pytest.mark.parametrize("line", ["", "prose", "50%", "a | b | 3/4 [c]", "99%|", "it/s [", "1" * 5000 + "%|"])
def test_what_is_no_bar(line):
    assert find_bar(line) is None


@pytest.mark.parametrize("text", ["1", "-1.5", "+2", ".5", "1.", "2.05e+12", "nan", "NaN", "-inf", "Infinity", "1E-3"])
def test_numbers_are_read_as_python_reads_them(text):
    assert re.fullmatch(NUMBER, text, re.IGNORECASE)
    float(text)


@pytest.mark.parametrize("text", ["", ".", "e5", "1.2.3", "0x1f", "nano", "infinite", "1e"])
def test_what_is_no_number(text):
    assert re.fullmatch(NUMBER, text, re.IGNORECASE) is None


@given(st.text(alphabet=" %|/[]<>=,.:0123456789abcEpochit\u258d", max_size=200))
def test_no_line_breaks_it(line):
    bar = find_bar(line)
    assert bar is None or (0 <= bar.start < bar.end <= len(line) and bar.at >= 0)


@pytest.mark.parametrize(
    ("told", "rate"),
    [("2.50it/s", 2.5), ("4.00s/it", 0.25), ("?it/s", None), ("8 steps/s", 8.0), ("0.00it/s", None), ("3.2MB/s", None)],
)
def test_the_pace_of_a_bar(told, rate):
    bar = find_bar(f"Epoch 0:  4%|x | 10/24914 [07:25<3:00:02, {told}, loss=9.0]")
    assert bar is not None
    assert bar.rate == rate


@pytest.mark.parametrize("before", ["", "\x1b[A", "noise | "])
def test_the_bar_of_torchtune_has_its_values_before_it(before):
    line = f"{before}2|13|Loss: 2.5034:  60%|██████    | 3/5 [00:01<00:01,  1.93it/s]"
    bar = find_bar(line)
    assert bar is not None
    assert (bar.epoch, bar.at, bar.total, bar.values) == (2, 3, 5, {"step": 13.0, "loss": 2.5034})
    assert bar.is_training
    assert (bar.start, bar.end) == (len(before), len(line))


def test_an_evaluation_beside_a_bar_counts_when_it_is_another():
    shown = Beside()
    bars = [
        find_bar(f"Epoch 1: 10%|█ | {at}/9 [00:01<00:02, 9it/s, v_num=0, loss=3, val_loss={v}]") for at, v in LOSSES
    ]
    told = [dict(shown.news(bar)) for bar in bars if bar is not None]
    assert [one.get("eval/loss") for one in told] == [2.5, None, 2.25, None]
    assert [one["progress_bar/loss"] for one in told] == [3, 3, 3, 3]


def test_the_mean_of_an_epoch_beside_the_value_of_a_step_is_left_out():
    bar = find_bar("Epoch 1: 10%|█ | 1/9 [00:01<00:02, 9it/s, train_loss_step=2.5, train_loss_epoch=3.25]")
    assert bar is not None
    assert dict(Beside().news(bar)) == {"train/steps_per_second": 9, "progress_bar/loss": 2.5}


def test_what_a_bar_says_of_a_perplexity_is_not_of_an_evaluation():
    assert bar_column("ppl") == "progress_bar/ppl"
    assert (bar_column("val_ppl"), bar_column("val_acc")) == ("eval/perplexity", "progress_bar/val_acc")
