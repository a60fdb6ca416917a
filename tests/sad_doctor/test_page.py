import re

import pytest

from sad_doctor.page import SECTIONS, markdown, rule_of, rules_markdown, sections
from sad_doctor.rules import RULES

EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)


@EACH
def test_every_page_has_the_sections_in_order_and_filled(rule):
    found = sections(rule.page)

    assert tuple(found) == SECTIONS
    assert all(len(text) > 10 or text.startswith("None") for text in found.values())


@EACH
def test_every_threshold_is_told_with_its_value(rule):
    told = sections(rule.page)["Thresholds"]

    for name, value in rule.thresholds.items():
        assert f"`{name} = {value:g}`" in told


@EACH
def test_titles_are_short_and_fences_are_closed(rule):
    assert 5 < len(rule.title) < 70
    assert not rule.title.endswith(".")
    assert rule.page.count("```") % 2 == 0


@EACH
def test_recipe_of_a_remedy_is_toml(rule):
    import tomllib

    for block in re.findall(r"```toml\n(.*?)```", rule.page, re.DOTALL):
        assert tomllib.loads(block)


def test_rules_are_found_by_code_and_name_in_any_case():
    assert rule_of("r203") is rule_of("term-dominates") is rule_of(" R203 ")
    assert rule_of("R999") is None


def test_document_lists_every_rule_once_and_links_to_it():
    document = rules_markdown()

    for rule in RULES:
        assert document.count(f"\n## {rule.code} {rule.title}\n") == 1
    links = re.findall(r"^\| \[R\d+\]\(#([^)]+)\)", document, re.MULTILINE)
    headings = re.findall(r"^## (.+)$", document, re.MULTILINE)
    anchors = [re.sub(r"[^a-z0-9\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert links == anchors


def test_page_of_one_rule_tells_level_needs_and_thresholds():
    page = markdown(rule_of("R301") or RULES[0])

    assert "`perplexity-is-a-clamp` · error · needs `eval/perplexity` · thresholds `digits = 6`, `round = 3`, " in page
    assert "thresholds" not in markdown(rule_of("R501") or RULES[0]).splitlines()[2]


def test_page_of_one_rule_starts_at_the_top_level():
    page = markdown(rule_of("R203"))

    assert page.startswith("# R203 One term owns the loss\n")
    assert "## What it sees" in page
    assert "`share = 0.8`" in page
