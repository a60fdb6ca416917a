from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.run import Column, Run


def column(*points: tuple[float, float]) -> Column:
    step, value = zip(*points, strict=True) if points else ((), ())
    return Column(np.array(step, dtype=float), np.array(value, dtype=float))


def run(**columns: Column) -> Run:
    return Run("r", "test", Path("r"), {name.replace("__", "/"): c for name, c in columns.items()})


def test_step_and_value_must_be_of_one_length():
    with pytest.raises(ValueError, match="equal"):
        Column(np.zeros(2), np.zeros(3))


def test_at_gives_the_last_value_of_a_step_and_nan_for_a_step_without_one():
    c = column((1, 5.0), (2, 6.0), (2, 7.0))
    assert c.at(2) == 7.0
    assert math.isnan(c.at(3))
    assert c.last == 7.0


def test_an_empty_column_is_no_column():
    r = run(train__loss=column(), train__lr=column((0, 1.0)))
    assert r.get("train/loss") is None
    assert r.get("train/lr") is not None
    assert r.terms(names.RAW) == {}


def test_terms_are_named_without_their_prefix():
    r = run(train__raw__kd=column((3, 1.0)), train__raw__lm=column((9, 2.0)))
    assert set(r.terms(names.RAW)) == {"kd", "lm"}
    assert r.last_step == 9


def test_facts_are_numbers_only_where_they_are():
    r = Run("r", "test", Path("r"), facts={"total_steps": 10, "done": True, "status": "finished"})
    assert r.fact("total_steps") == 10.0
    assert r.fact("done") is None
    assert r.fact("status") is None
    assert r.last_step == -1


def test_to_pandas_has_a_row_a_step_and_keeps_what_is_not_finite():
    r = run(train__loss=column((1, 3.0), (2, math.inf), (2, 2.0)), eval__kl=column((2, math.nan), (4, 1.0)))
    frame = r.to_pandas()
    assert list(frame.index) == [1, 2, 4]
    assert frame.loc[2, "train/loss"] == 2.0
    assert math.isnan(frame.loc[4, "train/loss"])
    assert frame.loc[4, "eval/kl"] == 1.0


@pytest.mark.parametrize(
    ("column", "term"),
    [
        ("loss_mse", "mse"),
        ("train/loss/cos", "cos"),
        ("mse_loss", "mse"),
        ("Loss_Cos", "cos"),
        ("loss_scale", None),
        ("total_loss", None),
        ("best_loss", None),
        ("eval_mse_loss", None),
        ("accuracy", None),
    ],
)
def test_what_may_be_a_part_by_its_name(column, term):
    assert names.maybe_term(column) == term


def test_findings_of_a_log_without_steps_count_epochs():
    run = replace(parse("steps: 6\ntrain/loss: 4, 3.9, 3.8, 0, 0, 0"), facts={names.STEP_UNIT: "epoch"})
    [finding] = [story.finding for story in check(run).stories if story.finding.name == "non-finite-hidden"]
    assert (finding.unit, "from epoch 4 on" in finding.headline) == ("epoch", True)
