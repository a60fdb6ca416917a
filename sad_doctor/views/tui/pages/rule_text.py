"""The page of a rule, from the Markdown of its docstring to paragraphs."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from sad_doctor.rules import RULES
from sad_doctor.sanitize import sanitize
from sad_doctor.views.tui.pages.prose import BLANK, Page, Paragraph, inline


def page_of(code: str) -> Page:
    """Return the page of a rule; empty for a code that no rule has."""
    text = next((rule.page for rule in RULES if rule.code == code), "")
    return list(_paragraphs(sanitize(text, 20_000).strip())) if text else []


def title_of(code: str) -> str:
    """Return what a rule is called: its code and its name; the code alone where no rule has it."""
    return next((f"{rule.code} · {rule.name}" for rule in RULES if rule.code == code), code)


def _paragraphs(text: str) -> Iterator[Paragraph]:
    held: list[str] = []
    fenced = False
    for number, line in enumerate(text.splitlines()):
        bare = line.strip()
        starts = bare.startswith(("- ", "* ", "#", "```")) or not bare or number == 1
        if held and (starts or fenced):
            yield _paragraph(held)
            held = []
        if bare.startswith("```"):
            fenced = not fenced
        elif fenced:
            yield Paragraph(Content.styled(line, "$text-muted"), Content("    "))
        elif number == 0 or bare.startswith("#"):
            yield Paragraph(Content.styled(bare.lstrip("# "), "bold $foreground" if number == 0 else "bold $accent"))
        elif bare:
            held.append(bare)
        else:
            yield BLANK
    if held:
        yield _paragraph(held)


def _paragraph(lines: list[str]) -> Paragraph:
    text = " ".join(lines)
    bullet = text[:2] if text.startswith(("- ", "* ")) else ""
    return Paragraph(inline(text[len(bullet) :]), Content.styled("  • " if bullet else "  ", "$text-muted"))
