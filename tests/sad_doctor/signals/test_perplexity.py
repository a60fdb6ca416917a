import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.signals import CLAMPS, clamp_of, is_exp_of


@pytest.mark.parametrize("k", CLAMPS)
@pytest.mark.parametrize("spelling", ["{!r}", "{:.2f}", "{:.3e}", "{:.6g}"])
def test_every_clamp_is_seen_in_every_spelling(k, spelling):
    assert clamp_of(float(spelling.format(math.exp(k)))) == k


@given(st.sampled_from(CLAMPS), st.floats(1e-4, 1e-2), st.booleans())
def test_what_is_near_a_clamp_is_none(k, off, above):
    assert clamp_of(math.exp(k) * (1 + off if above else 1 - off) + 1e-7) is None


@pytest.mark.parametrize("value", [22000.0, 60000.0, 1.0, 0.0, -3.0, math.inf, math.nan, 1e308])
def test_other_numbers_are_no_clamp(value):
    assert clamp_of(value) is None


@given(st.floats(0.5, 600))
def test_exp_of_a_loss_is_seen_through_four_decimals(loss):
    shown = round(loss, 4)

    assert is_exp_of(float(f"{math.exp(loss):.6g}"), shown)
    assert not is_exp_of(float(f"{math.exp(loss):.6g}"), shown + 0.01 * max(shown, 1))


def test_run_4():
    assert is_exp_of(2.05e12, 28.35)
    assert not is_exp_of(485165195.41, 51.7094)
    assert not is_exp_of(math.inf, math.inf)
