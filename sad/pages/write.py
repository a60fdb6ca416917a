"""The pages that are made from the code: bugs, red flags, recipe, record, commands. None of it imports torch."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from sad import catalogue
from sad.catalogue import Entry
from sad.errors import UserError
from sad.pages.commands import commands_markdown
from sad.pages.recipe import recipe_markdown
from sad.pages.record import record_markdown
from sad.pages.sources import source_page, sources_markdown

FRESH, STALE = 0, 1
ROOT = Path(__file__).resolve().parents[2]
"""The checkout, if this is one."""

_HEADING = re.compile(r"^(#+ )", re.MULTILINE)

_BUGS = """# Bugs

Real bugs of distillation and training code, each reproduced, caught, and shown absent from the code that trains by
`sad verify` (the core, V1xx) and `sad verify --all`. Generated from the pages of `sad/bugs/` and `sad/invariants/` by
`sad pages`: edit them, not this file. `sad explain V104` prints one.
"""

_PROPERTIES = """# Properties

What any right implementation does; `sad verify --matrix` shows which of them catches which bug. The number is that of
the property in `fixtures/bugs.json`; some are asked of several kinds of code. Each is judged on the faulty code of its
bugs, where it must break, and on the code that trains, where it must hold.
"""


def run_pages(program: Any, *, check: bool) -> int:  # noqa: ANN401 - a command of Typer
    """Write the generated pages of a checkout, or only tell which are stale; return 1 if one was found stale.

    ``program`` is the command line, whose page is one of them. Raises UserError outside a checkout.
    """
    folder = ROOT / "docs"
    if not (ROOT / "pyproject.toml").is_file():
        raise UserError("the pages are written in a checkout of the project; this is an installed copy")
    stale = stale_pages(folder, program)
    if check:
        for name in stale:
            sys.stdout.write(f"docs/{name} is stale; write it with: sad pages --write\n")
        return STALE if stale else FRESH
    folder.mkdir(exist_ok=True)
    for name, text in generated(program).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    sys.stdout.write(f"written: {', '.join(f'docs/{name}' for name in stale) or 'nothing, all are fresh'}\n")
    return FRESH


def stale_pages(folder: Path, program: Any) -> list[str]:  # noqa: ANN401
    """Return the names of the generated pages that are missing in ``folder``, or differ."""
    return [name for name, text in generated(program).items() if _read(folder / name) != text]


def generated(program: Any) -> dict[str, str]:  # noqa: ANN401
    """Return every generated page by file name."""
    from sad_doctor.page import rules_markdown

    pages = {
        "bugs.md": bugs_markdown(),
        "cli.md": commands_markdown(program),
        "recipe.md": recipe_markdown(),
        "record.md": record_markdown(),
        "rules.md": rules_markdown(),
        "sources.md": sources_markdown(),
    }
    return {name: text.rstrip() + "\n" for name, text in pages.items()}


def bug_page(code: str) -> str:
    """Return the page of the bug, or of what is seen in a source, with this code or name, or of a property by its name.

    A number of a property (I08) gives the pages of all that bear it. Raises UserError naming those that are near.
    """
    from sad.source.rules import rules
    from sad_doctor.rules import RULES

    wanted = code.strip().lower()
    for entry in catalogue.entries():
        if wanted in (entry.code.lower(), entry.name):
            return bug_markdown(entry)
    named = wanted.replace("-", "_")
    pages = [n for n, number in catalogue.numbers().items() if named in (n, number.lower())]
    if (page := source_page(wanted)) is not None:
        return page
    if pages:
        return "\n".join(_property(n, catalogue.properties()[n], level=1) for n in pages)
    near = catalogue.near(wanted, [*catalogue.entries(), *RULES, *rules()])
    raise UserError(f"no bug, no property, no red flag and no key of the recipe {code!r}; {near}")


def bug_markdown(entry: Entry, level: int = 1) -> str:
    """Return the page of a bug, headings from ``level`` on, and the properties that catch it."""
    _, *rest = entry.page.strip().splitlines()
    pages = catalogue.properties()
    caught = [f"- `{name}`: {pages[name].splitlines()[0]}" for name in entry.invariants]
    body = "\n".join([*rest, "", "## Caught by", *caught]).strip()
    return _deeper(f"# {entry.code} {entry.title}\n\n`{entry.name}`\n\n{body}\n", level)


def bugs_markdown() -> str:
    """Return ``docs/bugs.md``: a table of the bugs, their pages, and the pages of the properties."""
    entries = catalogue.entries()
    rows = [f"| [{e.code}](#{_anchor(f'{e.code} {e.title}')}) | `{e.name}` | {e.title} |" for e in entries]
    table = "\n".join(["| code | name | bug |", "|---|---|---|", *rows])
    bugs = [bug_markdown(entry, level=2) for entry in entries]
    properties = [_property(name, page) for name, page in catalogue.properties().items()]
    return "\n".join([_BUGS, table, "", *bugs, _PROPERTIES, *properties])


def _property(name: str, page: str, level: int = 2) -> str:
    title, *rest = page.splitlines()
    body = "\n".join(rest).strip()
    return _deeper(f"# `{name}` ({catalogue.numbers()[name]})\n\n{title}\n\n{body}\n", level)


def _deeper(text: str, level: int) -> str:
    return _HEADING.sub(lambda heading: "#" * (level - 1) + heading[1], text)


def _anchor(title: str) -> str:
    """The anchor that a forge gives to a heading: lower case, words joined by dashes, no punctuation."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
