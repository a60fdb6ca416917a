"""A bug is called by the first line of its page."""

from __future__ import annotations

from sad.bug import Bug


def test_the_title_is_the_first_line_of_the_page() -> None:
    bug = Bug("V999", "made-up", "\n  The loss is a clock.\n\n## Symptom\nIt rises.\n", (), object, object)
    assert bug.title == "The loss is a clock."
