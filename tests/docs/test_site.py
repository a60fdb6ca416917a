"""The site has every page, in the order of the index; the generator itself is not needed for that."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import markdown

INDEX = (markdown.ROOT / "docs" / "index.md").read_text(encoding="utf-8")


CONF = ast.parse((markdown.ROOT / "docs" / "conf.py").read_text(encoding="utf-8"))
"""As a whole it needs the generator."""


def setting(name: str) -> Any:
    """Return the value that docs/conf.py gives to a name."""
    node = next(n for n in CONF.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == name)
    return ast.literal_eval(node.value)


def pages(include: list[str], exclude: list[str]) -> set[Path]:
    """Return the pages that are built, of what the patterns take and leave out."""
    taken = {path.relative_to(markdown.ROOT) for pattern in include for path in markdown.ROOT.glob(pattern)}
    return {
        markdown.ROOT / path
        for path in taken
        if not any(above.match(pattern) for pattern in exclude for above in (path, *path.parents))
    }


def lost(built: set[Path]) -> list[tuple[str, str]]:
    """Return the links from a page that is built to a page that is not."""
    return [
        (markdown.name(page), link)
        for page in sorted(built)
        for link in markdown.links(markdown.prose(page))
        if "://" not in link
        and (target := (page.parent / link.partition("#")[0]).resolve()).suffix == ".md"
        and target not in built
    ]


def contents() -> Callable[[str], str]:
    """Return the function of docs/conf.py that makes the tables of contents."""
    wanted = [
        node
        for node in CONF.body
        if (isinstance(node, ast.FunctionDef) and node.name == "contents")
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_LINK")
    ]
    values = {"re": re}
    exec(compile(ast.Module(wanted, []), "conf.py", "exec"), values)
    found: Callable[[str], str] = values["contents"]  # type: ignore[assignment]
    return found


def test_every_page_is_in_the_index_once() -> None:
    linked = [link.removeprefix("../") for link in markdown.links(INDEX)]
    known = {page.name for page in markdown.PAGES if page.parent.name == "docs"} - {"index.md"}
    assert known - set(linked) == set()
    kinds = re.findall(r"^## (.+)$", INDEX, re.MULTILINE)
    assert kinds == ["Tutorial", "How to", "Reference", "Explanation", "The project"]
    # the first mention of the README is in the introduction
    assert len(linked) - len(set(linked)) == 1


def test_the_tables_of_contents_have_the_pages_of_their_heading() -> None:
    made = contents()("# t\n\nSee [r](../README.md).\n\n## One\n- [a](a.md)\n- [b](b.md)\n\n## Two\n- [c](../c.md)\n")
    assert made.count("{toctree}") == 2
    assert re.findall(r":caption: (\w+)\n\n([^`]+)\n```", made) == [("One", "a <a>\nb <b>"), ("Two", "c <../c>")]


def test_a_link_of_the_site_leads_to_a_page_of_the_site() -> None:
    include, exclude = setting("include_patterns"), setting("exclude_patterns")
    built = pages(include, exclude)
    assert len(built) > 40
    assert lost(built) == []
    # each is in a table of contents, or the generator warns
    linked = {(markdown.ROOT / "docs" / link).resolve() for link in markdown.links(INDEX)}
    assert built - linked == {markdown.ROOT / "docs" / "index.md"}
    # as it was: a page whose folder is left out
    without = lost(pages(include, [*exclude, "benchmarks"]))
    assert ("BENCHMARKS.md", "benchmarks/HISTORY.md") in without
