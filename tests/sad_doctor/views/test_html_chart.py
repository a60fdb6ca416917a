import json
import re
from html import unescape

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.run import Column
from sad_doctor.views.html_chart import POINTS, Mark, chart, decimate
from sad_doctor.views.series import Series


def column(values):
    return Column(np.arange(len(values), dtype=np.float64), np.array(values, dtype=np.float64))


def test_one_spike_in_a_million_is_drawn():
    values = np.ones(1_000_000)
    values[777_777], values[5] = 9.0, np.nan
    kept = decimate(column(values))
    assert len(kept) <= 3 * POINTS
    assert kept.at(777_777) == 9.0
    assert np.isnan(kept.at(5))


@given(st.lists(st.floats(), min_size=1, max_size=300), st.integers(1, 20))
def test_the_extremes_stay(values, most):
    whole, kept = column(values), decimate(column(values), most)
    assert len(kept) <= max(3 * most, 3)
    finite = whole.value[np.isfinite(whole.value)]
    if finite.size:
        assert np.nanmax(kept.value[np.isfinite(kept.value)]) == finite.max()
        assert np.nanmin(kept.value[np.isfinite(kept.value)]) == finite.min()
    assert (
        np.isnan(kept.value).any() == np.isnan(whole.value).any()
        or not np.isnan(whole.value).any()
        or np.isinf(whole.value).any()
    )


def test_names_are_escaped_and_numbers_are_strict():
    made = chart('<b>"t"', [Series("</svg><script>", column([1.0, np.nan, 2.0]), "#fff")], [Mark(1.0, "#f00", "<i>")])
    assert "<script>" not in made
    assert "<b>" not in made.replace("<b>2", "")
    assert "<i>" not in made
    data = json.loads(unescape(re.search('data-chart="([^"]*)"', made)[1]))
    assert data["series"][0]["value"] == [1.0, "NaN", 2.0]
    assert "×" in made


def test_whatever_is_logged_gives_a_chart():
    for values in ([0.0], [np.inf, -np.inf], [np.nan], [1e308, -1e308], [5e-324, 1.0], [-1.0, 0.0]):
        made = chart("t", [Series("s", column(values), "#fff")])
        assert "nan" not in re.sub("data-chart=.*?>", "", made).lower().replace("nan</b>", "")


def test_what_must_not_be_on_a_log_scale_is_not():
    shares = [Series("kd", column([0.5, 0.6, 0.7]), "#000"), Series("lm", column([0.001, 0.002, 0.001]), "#111")]
    assert "log scale" in chart("Parts", shares)
    assert "log scale" not in chart("Shares", shares, may_log=False)
