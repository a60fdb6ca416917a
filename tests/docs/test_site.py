"""The site has every page, in the order of the index; the generator itself is not needed for that."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import markdown

INDEX = (markdown.ROOT / "docs" / "index.md").read_text(encoding="utf-8")


def contents() -> Callable[[str], str]:
    """Return the function of docs/conf.py, which as a whole needs the generator."""
    tree = ast.parse((markdown.ROOT / "docs" / "conf.py").read_text(encoding="utf-8"))
    wanted = [
        node
        for node in tree.body
        if (isinstance(node, ast.FunctionDef) and node.name == "contents")
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_LINK")
    ]
    values = {"re": re}
    exec(compile(ast.Module(wanted, []), "conf.py", "exec"), values)
    found: Callable[[str], str] = values["contents"]  # type: ignore[assignment]
    return found


def test_every_page_is_in_the_index_once() -> None:
    linked = [link.removeprefix("../") for link in markdown.links(INDEX)]
    pages = {page.name for page in markdown.PAGES if page.parent.name == "docs"} - {"index.md"}
    assert pages - set(linked) == set()
    kinds = re.findall(r"^## (.+)$", INDEX, re.MULTILINE)
    assert kinds == ["Tutorial", "How to", "Reference", "Explanation", "The project"]
    # the first mention of the README is in the introduction
    assert len(linked) - len(set(linked)) == 1


def test_the_tables_of_contents_have_the_pages_of_their_heading() -> None:
    made = contents()("# t\n\nSee [r](../README.md).\n\n## One\n- [a](a.md)\n- [b](b.md)\n\n## Two\n- [c](../c.md)\n")
    assert made.count("{toctree}") == 2
    assert re.findall(r":caption: (\w+)\n\n([^`]+)\n```", made) == [("One", "a <a>\nb <b>"), ("Two", "c <../c>")]
