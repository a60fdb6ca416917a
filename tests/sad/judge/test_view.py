"""The end of a report, without a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sad.judge.report import Report
from sad.judge.view import View


@pytest.mark.parametrize(
    ("printed", "last"),
    [
        ("one\ntwo\n", "two"),
        ("a.py:3: UserWarning: reduction\n  return kl_div(a, b)\n", "a.py:3: UserWarning: reduction"),
        ("  all of it\n  is indented", "  is indented"),
    ],
)
def test_of_what_it_printed_the_last_line_that_says_something_is_shown(printed, last):
    shown = io.StringIO()
    View(Console(file=shown)).end(Report("mine.py:kd", unjudged="why", printed=printed))
    assert shown.getvalue() == f"it printed: {last}\n"
