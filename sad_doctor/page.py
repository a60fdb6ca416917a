"""Pages of rules: their fixed sections, and one Markdown document of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sad_doctor.rule import Rule
from sad_doctor.rules import RULES

SECTIONS = ("What it sees", "Why it is bad", "Thresholds", "Example", "Remedy", "Sources")
"""The headings of every page, in this order."""

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)

_INTRODUCTION = """# Red flags

What `sad doctor` looks for in the log of a run. Generated from the pages of `sad_doctor/rules/` by `sad pages`: edit
them, not this file. A rule that lacks what it needs says "not checked", never "healthy". The blocks marked
`run fires` and `run quiet` are executed as tests: the rule must fire on the one and stay quiet on the other.

Every threshold can be changed, by the code or the name of the rule, and rules can be chosen or left out, by code, by
the beginning of a code or by name; for good in the `[doctor]` table of a `sad.toml` ([doctor.md](doctor.md)):

```sh
sad doctor RUN --set R203.share=0.9 --set R103.records=100
sad doctor RUN --select R1 --select R501 --ignore loss-spike
sad explain R203 RUN     # the page, and what the rule measured in this run
```
"""


def sections(page: str) -> dict[str, str]:
    """Return the text of each section of a page by heading, in order; the title is not among them."""
    pieces = _HEADING.split(page.strip())
    return {heading.strip(): text.strip() for heading, text in zip(pieces[1::2], pieces[2::2], strict=True)}


def rule_of(code: str, rules: Iterable[Rule] = RULES) -> Rule | None:
    """Return the rule with this code or name, in any case, else None."""
    wanted = code.strip().lower()
    return next((rule for rule in rules if wanted in (rule.code.lower(), rule.name)), None)


def markdown(rule: Rule, level: int = 1) -> str:
    """Return the page of a rule as Markdown, its title with code and name, headings from ``level`` on."""
    title, *rest = rule.page.strip().splitlines()
    marks = "#" * level
    body = "\n".join(rest).strip()
    body = _HEADING.sub(lambda heading: f"{marks}# {heading[1]}", body)
    facts = [f"`{rule.name}` · {rule.level.name.lower()}"]
    if rule.needs:
        facts.append("needs " + ", ".join(" or ".join(f"`{n}`" for n in need.split("|")) for need in rule.needs))
    if rule.thresholds:
        facts.append("thresholds " + ", ".join(f"`{k} = {v:g}`" for k, v in rule.thresholds.items()))
    return f"{marks} {rule.code} {title}\n\n{' · '.join(facts)}\n\n{body}\n"


def rules_markdown(rules: Iterable[Rule] = RULES) -> str:
    """Return ``docs/rules.md``: a table of the rules, then their pages."""
    rules = tuple(rules)
    rows = [f"| [{r.code}](#{_anchor(r)}) | `{r.name}` | {r.level.name.lower()} | {r.title} |" for r in rules]
    table = "\n".join(["| code | name | worst level | sees |", "|---|---|---|---|", *rows])
    return "\n".join([_INTRODUCTION, table, "", *(markdown(rule, level=2) for rule in rules)])


def _anchor(rule: Rule) -> str:
    """The anchor that a forge gives to a heading: lower case, words joined by dashes, no punctuation."""
    return re.sub(r"[^\w\- ]", "", f"{rule.code} {rule.title}".lower()).replace(" ", "-")
