from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.views import plain


@given(st.text())
def test_a_line_is_one_line_without_control_codes(text):
    line = plain.line(text)
    assert "\n" not in line
    assert "\x1b" not in line
    assert len(line) <= 400
    assert plain.line(line) == line
