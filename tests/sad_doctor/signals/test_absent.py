from dataclasses import replace

import pytest

from sad_doctor import names, signals
from sad_doctor.example import parse

LABELS = "steps: 40\ntrain/loss: 9 -> 4\ntrain/raw/lm: 9 -> 4\n"
KD = {"terms": {"kd": {"weight": 1.0}, "lm": {"weight": 1.0}, "custom": {}}}


def found(text, config=None):
    run = parse(text)
    run = replace(run, facts={**run.facts, names.CONFIG: config})
    return [(one.term, one.weight, one.sure) for one in signals.absent(run, 20)]


@pytest.mark.parametrize(
    ("log", "config", "told"),
    [
        (LABELS, KD, [("kd", 1.0, True)]),
        (LABELS + "train/weight/kd: 0.5", None, [("kd", 0.5, True)]),
        (LABELS, {"terms": {"custom": {"mine": {"weight": 0.2}}}}, [("mine", 0.2, True)]),
        ("steps: 40\ntrain/loss: 9 -> 4", KD, [("kd", 1.0, False), ("lm", 1.0, False)]),
        # a column that may be the term under a name of its own leaves doubt
        (LABELS + "matching_loss: 3", KD, [("kd", 1.0, False)]),
        # named, waiting, without weight, young, or no recipe at all
        (LABELS + "train/weighted/kd: 1", KD, []),
        (LABELS + "my_kd: 1", KD, []),
        (LABELS, KD | {"aware": {"time": {"terms": ["kd"]}}}, []),
        (LABELS + "train/weight/kd: 0", KD, []),
        (LABELS, {"terms": {"kd": {"weight": 0.0}}}, []),
        ("steps: 5\ntrain/raw/lm: 9 -> 4", KD, []),
        (LABELS, {"terms": "kd"}, []),
        (LABELS, None, []),
    ],
)
def test_a_weight_without_a_value(log, config, told):
    assert found(log, config) == told


def test_what_others_sum_to_without_it_is_out_of_the_loss():
    run = parse(LABELS + "train/weighted/lm: 9 -> 4\ntrain/weight/kd: 1")
    assert [one.out for one in signals.absent(run, 20)] == [True]
    run = parse(LABELS + "train/weighted/lm: 8 -> 4\ntrain/weight/kd: 1")
    assert [one.out for one in signals.absent(run, 20)] == [False]


def test_how_a_term_is_gone():
    column = parse("steps: 30\nkd: " + ", ".join(["2"] * 20 + ["0"] * 10)).columns["kd"]
    assert signals.gone(column, (1, 30), (0.3, 0.2, 20), others=True) == ("is exactly 0 in 10 of 30 records", 1)
    assert signals.gone(column, (1, 30), (0.95, 0.2, 40), others=True) is None
    later = signals.gone(column, (1, 99), (0.95, 0.5, 40), others=True)
    assert later == ("is not logged after step 30, while other terms go on to 99", 30)
    assert signals.gone(column, (1, 99), (0.95, 0.5, 40), others=False) is None
