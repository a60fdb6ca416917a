"""The page of what a source shows, and one by code or name."""

from __future__ import annotations

from sad.pages.sources import source_page, sources_markdown
from sad.source.rules import rules


def test_every_rule_is_in_the_table_and_has_its_page():
    page = sources_markdown()
    for rule in rules():
        assert f"| {rule.code} | `{rule.name}` | {rule.level} | {rule.title} |" in page
        assert f"\n## {rule.code} {rule.title}\n" in page


def test_one_is_found_by_code_and_by_name():
    page = source_page("s102")
    assert page is not None
    assert page.startswith("# S102 ")
    assert "\n## Why\n" in page
    assert source_page("kl-of-other-forms") == page
    assert source_page("S999") is None
