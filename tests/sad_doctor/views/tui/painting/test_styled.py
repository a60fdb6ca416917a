from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.views.plain import line
from sad_doctor.views.tui.painting.styled import styled


@given(st.text())
def test_markup_stays_text(text):
    assert styled(f"[bold]{text}", "red").plain == line(f"[bold]{text}")
