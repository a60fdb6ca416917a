from __future__ import annotations

import numpy as np
import pytest

from sad_doctor.run import Column
from sad_doctor.views.tui.charts import histories
from sad_doctor.views.tui.charts.histories import Histories, LongHistories


def long(size, value=0.0):
    return Column(np.arange(float(size)), np.full(size, value))


@pytest.fixture
def columns(monkeypatch):
    monkeypatch.setattr(histories, "LONG", 1000)
    return {"a": long(2000), "b": long(10)}


def test_only_long_columns_are_prepared_and_panes_take_what_is_ready(columns):
    ready = LongHistories().still(columns)
    assert [history.column for history in ready.values()] == [columns["a"]]
    pane = Histories()
    pane.ready = ready
    assert pane.of("x", columns["a"]) is ready[id(columns["a"])]
    assert not pane.of("y", columns["b"]).is_still
    pane.ready = {}
    assert pane.of("x", columns["a"]) is ready[id(columns["a"])]  # the same column needs no other
    later = pane.of("x", long(2100))
    assert not later.is_still
    assert pane.at("x", None) == 0.0
    pane.keep({"y"})
    assert pane.at("x", None) is None


def test_a_history_that_was_handed_out_stays_as_it_was(columns):
    shelf = LongHistories()
    (first,) = shelf.still(columns).values()
    before = first.view(0, 1e9, 4), [level.picks.size for level in first._levels]
    values = np.concatenate([columns["a"].value, np.full(60_000, 7.0)])
    (second,) = shelf.still({"a": Column(np.arange(62_000.0), values)}).values()
    assert second.view(0, 1e9, 4).value.max() == 7.0
    after = first.view(0, 1e9, 4), [level.picks.size for level in first._levels]
    assert np.array_equal(before[0].value, after[0].value)
    assert before[1] == after[1]
    with pytest.raises(AssertionError):
        first.follow(long(3))
    assert shelf.still({}) == {}
