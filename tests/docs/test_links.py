"""Every relative link of every page leads to a file, and its anchor to a heading."""

from __future__ import annotations

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
