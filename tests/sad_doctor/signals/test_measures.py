"""Measures of an evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from sad_doctor.example import parse
from sad_doctor.run import Column
from sad_doctor.signals import measures, stands_still


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("eval/accuracy", -1),
        ("Validation Accuracy", -1),
        ("eval/rougeL", -1),
        ("test_f1", -1),
        ("eval/wer", 1),
        ("val/word_error_rate", 1),
        ("train/accuracy", None),
        ("eval/loss", None),
        ("accuracy", None),
    ],
)
def test_which_way_is_better(name, sign):
    run = parse(f"steps: 3\n{name}: 0.3, 0.4, 0.5")
    assert measures(run) == ({} if sign is None else {name: sign})


@pytest.mark.parametrize(
    ("values", "stands"), [((0.3, 0.3), True), ((0.3, 0.31), False), ((0, 0), False), ((1, 1), False)]
)
def test_one_number_that_is_neither_nothing_nor_all(values, stands):
    assert stands_still(Column(np.arange(2.0), np.array(values, np.float64))) is stands
