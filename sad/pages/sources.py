"""The pages of what is looked for in sources: `docs/sources.md`, and one by its code."""

from __future__ import annotations

import re

from sad.source.rule import SourceRule
from sad.source.rules import rules

_HEADING = re.compile(r"^## ", re.MULTILINE)

_HEAD = """# What a source shows

What [`sad verify --source`](read-your-code.md) looks for in code that it only reads. **wrong**: no use of such a line
is right. **look**: right in some place, and worth a look. `# sad: ignore[S101]` on the line silences one. Each page has
a faulty example, whose marked lines are named, and a right one, in which nothing is. Generated from `sad/source/rules/`
by `sad pages`: edit those, not this file.

| code | name | level | what is there |
|---|---|---|---|
"""


def source_page(wanted: str) -> str | None:
    """Return the page of the rule with this code or name as Markdown; None if there is none."""
    found = (one for one in rules() if wanted.strip().lower() in (one.code.lower(), one.name))
    return next((_page(one, 1) for one in found), None)


def sources_markdown() -> str:
    """Return ``docs/sources.md``: a table of the rules, then their pages."""
    rows = [f"| {one.code} | `{one.name}` | {one.level} | {one.title} |" for one in rules()]
    return _HEAD + "\n".join([*rows, "", *(_page(one, 2) for one in rules())])


def _page(rule: SourceRule, level: int) -> str:
    _, *rest = rule.page.strip().splitlines()
    bugs = f" A form of {', '.join(rule.bugs)}." if rule.bugs else ""
    body = _HEADING.sub(f"{'#' * level}# ", "\n".join(rest).strip())
    return f"{'#' * level} {rule.code} {rule.title}\n\n`{rule.name}`, {rule.level}.{bugs}\n\n{body}\n"
