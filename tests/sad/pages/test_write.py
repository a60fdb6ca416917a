import re

import pytest
import typer

from sad import catalogue
from sad.cli.app import app
from sad.errors import UserError
from sad.pages import write
from sad.recipe.schema import Recipe

PROGRAM = typer.main.get_command(app)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout without any page."""
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(write, "ROOT", tmp_path)
    return tmp_path / "docs"


@pytest.mark.parametrize("word", ["V104", "v104", " V104 ", "optimizer-never-steps"])
def test_a_page_is_found_by_code_or_name(word):
    page = write.bug_page(word)
    assert page.startswith("# V104 The optimizer never takes a step\n\n`optimizer-never-steps`\n\n## Symptom\n")
    assert "## Caught by\n- `step_accounting`: Every full accumulation window takes one optimizer step" in page


@pytest.mark.parametrize(
    ("word", "near"), [("V1O4", "V104"), ("R30l", "R30"), ("perplexity-clamp", "V105 [a-z-]+ or R301 [a-z-]+")]
)
def test_an_unknown_code_is_an_error_that_names_what_is_near(word, near):
    with pytest.raises(UserError, match=f"no bug, no property, no red flag and no key.*{near}") as error:
        write.bug_page(word)
    assert "\n" not in str(error.value)


def test_every_bug_and_every_property_is_in_the_document():
    text = write.bugs_markdown()
    for entry in catalogue.entries():
        assert f"\n## {entry.code} {entry.title}\n" in text
    for name, number in catalogue.numbers().items():
        assert f"\n## `{name}` ({number})\n" in text
    assert len(re.findall("^# ", text, re.MULTILINE)) == 2


def test_links_of_the_table_lead_to_headings():
    text = write.bugs_markdown()
    anchors = {write._anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert len(links) == len(catalogue.entries())
    assert set(links) <= anchors


def _keys(section, path=()):
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
            yield from _keys(field.annotation, (*path, name))
        else:
            yield path, name, field


def test_every_key_of_the_recipe_is_told_under_its_section():
    text = write.recipe_markdown()
    parts = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    for path, name, field in _keys(Recipe):
        part = parts[f"`[{'.'.join(path)}]`" if path else "Outside any section"]
        (row,) = [line for line in part.splitlines() if line.startswith(f"| `{name}` |")]
        assert field.description, f"{name} has no sentence under it"
        assert field.description.split(".")[0].split("|")[0].replace("\n", " ") in row
        value = field.get_default(call_default_factory=True)
        shown = str(value).lower() if isinstance(value, bool) else value
        default = "not set" if value is None else f"`{shown}`"
        assert row.split(" | ")[1] == default
        assert len(row.replace(r"\|", "").split("|")) == 5


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("warmup", "At least 0 and below 1."),
        ("learning_rate", "At least 1e-30 and at most 100."),
        ("precision", "One of `auto`, `fp32`, `bf16`, `fp16`."),
    ],
)
def test_the_values_that_a_key_takes_are_told(key, says):
    (row,) = [line for line in write.recipe_markdown().splitlines() if line.startswith(f"| `{key}` |")]
    assert row.endswith(f"{says} |")


def test_a_checkout_without_pages_is_stale_until_they_are_written(checkout, capsys):
    assert write.run_pages(PROGRAM, check=True) == write.STALE
    assert capsys.readouterr().out.count("is stale; write it with: sad pages --write") == 6
    assert not checkout.exists()
    assert write.run_pages(PROGRAM, check=False) == write.FRESH
    assert sorted(path.name for path in checkout.iterdir()) == [
        "bugs.md",
        "cli.md",
        "recipe.md",
        "record.md",
        "rules.md",
        "sources.md",
    ]
    capsys.readouterr()
    assert write.run_pages(PROGRAM, check=True) == write.FRESH
    assert capsys.readouterr().out == ""


def test_a_page_that_was_edited_is_stale_and_named(checkout, capsys):
    write.run_pages(PROGRAM, check=False)
    with (checkout / "recipe.md").open("a", encoding="utf-8") as page:
        page.write("more\n")
    capsys.readouterr()
    assert write.run_pages(PROGRAM, check=True) == write.STALE
    assert capsys.readouterr().out == "docs/recipe.md is stale; write it with: sad pages --write\n"


def test_outside_a_checkout_there_is_nothing_to_write(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "ROOT", tmp_path)
    with pytest.raises(UserError, match="checkout"):
        write.run_pages(PROGRAM, check=True)
    assert list(tmp_path.iterdir()) == []


def test_no_page_of_the_documentation_has_a_gap_left_to_fill():
    root = write.ROOT
    every = [*(root / "docs").glob("*.md"), *root.glob("*.md")]
    assert len(every) > 8
    assert [page.name for page in every if "@@" in page.read_text(encoding="utf-8")] == []


def test_a_property_has_a_page_by_its_name_and_all_of_a_number() -> None:
    assert write.bug_page("divergence_gradient").startswith("# `divergence_gradient` (I08)")
    assert write.bug_page("half-precision").startswith("# `half_precision`")
    both = write.bug_page("i08")
    assert "# `derivative` (I08)" in both
    assert "# `divergence_gradient` (I08)" in both
    assert "## Tolerance" in both
