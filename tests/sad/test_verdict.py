"""A verdict that does not hold is broken, whatever it was said to be; one that holds may say more."""

from __future__ import annotations

import pytest

from sad.verdict import Standing, Verdict


@pytest.mark.parametrize("said", Standing)
def test_what_does_not_hold_is_broken(said: Standing) -> None:
    assert Verdict(False, "0.3 apart", standing=said).standing is Standing.BROKEN


@pytest.mark.parametrize("said", [Standing.HOLDS, Standing.ALLOWED, Standing.NOT_APPLICABLE])
def test_what_holds_stands_as_it_is_said(said: Standing) -> None:
    assert Verdict(True, "0.0 apart", standing=said).standing is said
