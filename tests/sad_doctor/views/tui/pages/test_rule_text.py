from __future__ import annotations

import pytest

from sad_doctor.rules import RULES
from sad_doctor.views.tui.pages import rule_text
from sad_doctor.views.tui.pages.prose import lay_out


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_the_page_of_a_rule_reads_as_text(rule):
    lines = [line.plain.rstrip() for line in lay_out(rule_text.page_of(rule.code), 80)]
    assert lines[0] == rule.title.replace("`", "")
    assert "Why it is bad" in lines
    assert not any(line.startswith(("#", "```")) for line in lines)


def test_lines_of_a_paragraph_are_joined_and_code_is_kept(monkeypatch):
    page = "Title\n\n## Part\nOne line\ngoes `on`.\n- a point\n  that wraps\n\n```run fires\nx: 1\n  y: 2\n```\nEnd."
    rule = type("Rule", (), {"code": "R0", "page": page})
    monkeypatch.setattr(rule_text, "RULES", (rule,))
    lines = [line.plain.rstrip() for line in lay_out(rule_text.page_of("R0"), 60)]
    assert lines == [
        "Title", "", "Part", "  One line goes on.", "  • a point that wraps", "", "    x: 1", "      y: 2", "  End.",
    ]  # fmt: skip


def test_a_code_without_a_rule_has_no_page():
    assert rule_text.page_of("R000") == []
