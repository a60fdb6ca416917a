import numpy as np
import pytest

from sad_doctor import signals
from sad_doctor.example import parse
from sad_doctor.run import Column

TRAINING = """steps: 60
train/loss: 6 -> 2
train/raw/kd: 6 -> 2
train/raw/ce: 6 -> 2
train/weight/kd: 0.7
train/weight/ce: 0.3
"""


def test_the_median_of_the_records_about_a_step():
    column = Column(np.arange(10.0), np.array([0, 1, 2, 3, 90, 5, 6, 7, 8, 9.0]))

    assert signals.around(column, np.array([0.0, 5.0, 99.0])) == pytest.approx([2.5, 5.5, 7.5])


def evaluated(text, values):
    run = parse(f"{text}steps: 8 every 7\neval/loss: {values}")
    return signals.term_evaluated(run, run.columns["eval/loss"])


def test_an_evaluation_is_of_the_term_among_whose_records_it_lies():
    text = TRAINING.replace("kd: 6 -> 2", "kd: 3 -> 1").replace("loss: 6 -> 2", "loss: 3.9 -> 1.3")

    assert evaluated(text, "5.6 -> 2.1") == "ce"
    assert evaluated(text, "2.8 -> 1.05") == "kd"
    assert evaluated(text, "20 -> 7") is None
    assert evaluated(text, "5.6, 5.1, 4.6, 4, 3.6, 3.1, 2.6, 9") is None


ALREADY = "steps: 60\ntrain/loss: 6 -> 2\ntrain/raw/kd: 0.4 -> 0\ntrain/raw/ce: 5.6 -> 2"


@pytest.mark.parametrize("text", [f"{ALREADY}\n", "steps: 60\ntrain/loss: 6 -> 2\n"], ids=["weighted already", "none"])
def test_without_parts_and_weights_it_is_not_known(text):
    assert evaluated(text, "5.6 -> 2.1") is None


def test_no_evaluation_is_of_no_term():
    assert signals.term_evaluated(parse(TRAINING), Column(np.empty(0), np.empty(0))) is None


@pytest.mark.parametrize(("times", "found"), [(10, "ce"), (1, "ce"), (None, None)])
def test_a_label_loss_before_a_weight_that_nobody_tells(times, found):
    ce = [0.4 - 0.004 * i for i in range(60)]
    kd = [3 * 0.93**i for i in range(60)]
    columns = {"loss": [a + b for a, b in zip(ce, kd, strict=True)], "weighted/ce": ce, "weighted/kd": kd}
    told = [(times * v if times else v + w) for v, w in zip(ce[3::8], kd[3::8], strict=True)]
    text = "\n".join(f"train/{name}: {', '.join(map(str, values))}" for name, values in columns.items())
    steps = ", ".join(str(i) for i in range(3, 60, 8))
    rows = ", ".join(str(i) for i in range(60))
    run = parse(f"steps: {rows}\n{text}\nsteps: {steps}\neval/loss: {', '.join(map(str, told))}")
    assert signals.label_evaluated(run, run.columns["eval/loss"]) == found
    assert signals.term_evaluated(run, run.columns["eval/loss"], counts=True) == found
