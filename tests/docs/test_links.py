"""Every relative link of every page leads to a file, and its anchor to a heading."""

from __future__ import annotations

import re
from pathlib import Path

import markdown
import pytest


def lost(text: str, folder: Path) -> list[str]:
    """Return the links of a text in ``folder`` that lead nowhere."""
    found = []
    for link in markdown.links(text):
        place, _, anchor = link.partition("#")
        if "://" in place or place.startswith("mailto:"):
            continue
        target = folder / place if place else None
        if target is None:
            continue
        if not target.exists() or (anchor and anchor not in markdown.anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", markdown.PAGES, ids=markdown.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    text = markdown.prose(page)
    assert lost(text, page.parent) == []
    here = {link[1:] for link in markdown.links(text) if link.startswith("#")}
    assert here - markdown.anchors(page) == set()


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text(
        "# A `title`, twice\n# A title twice\n```\n# no heading\n```\n", encoding="utf-8"
    )
    assert lost("[a](there.md) [b](there.md#a-title-twice-1) [c](https://example.org/x) `[d](code)`", tmp_path) == []
    assert lost("[a](gone.md) ![b](there.md#no-heading)", tmp_path) == ["gone.md", "there.md#no-heading"]


def unwritten(text: str, root: Path) -> list[str]:
    """Return the tests that a text names, as ``tests/x/test_y.py::test_z``, and that are not there."""
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    return [
        f"{file}::{test}" if test else file
        for file, test in named
        if not (root / file).is_file() or (test and f"def {test}(" not in (root / file).read_text(encoding="utf-8"))
    ]


def test_a_test_that_a_page_names_is_there() -> None:
    assert [one for page in markdown.PAGES for one in unwritten(markdown.prose(page), markdown.ROOT)] == []


def test_a_test_that_is_not_there_is_seen(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text("def test_one() -> None: ...\n", encoding="utf-8")
    there = "`tests/test_a.py` `tests/test_a.py::test_one`"
    assert unwritten(f"{there} `tests/test_a.py::test_on` `tests/test_b.py`", tmp_path) == [
        "tests/test_a.py::test_on",
        "tests/test_b.py",
    ]


def test_every_page_can_be_reached_from_the_readme() -> None:
    todo, seen = [markdown.ROOT / "README.md"], set()
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        places = [page.parent / link.partition("#")[0] for link in markdown.links(markdown.prose(page))]
        todo += [place.resolve() for place in places if place.suffix == ".md" and place.is_file()]
    pages = {page for page in markdown.PAGES if page.parent.name == "docs"}
    assert sorted(markdown.name(page) for page in pages - seen) == []
