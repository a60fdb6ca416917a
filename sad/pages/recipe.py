"""The page of the recipe, and what `sad explain` says of a section or of a key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

from sad.recipe.schema import Recipe
from sad.recipe.section import Section, limits

_RECIPE = """# The recipe

Every key of a recipe, with its default. Generated from `sad/recipe/schema.py` by `sad pages`: edit it, not this file.
A recipe is a TOML file; flags go on top of it: `sad train --config run.toml --epochs 3 --set terms.kd.weight=0.5`.
An unknown key is an error that names the nearest right one. `sad train --dry-run` prints the recipe, resolved;
`sad explain terms.kd` prints a section of this page, `sad explain learning_rate` a key.
"""

Names = tuple[str, ...]


def recipe_markdown() -> str:
    """Return ``docs/recipe.md``: a table for each section of the recipe."""
    return "\n".join([_RECIPE, *(_section(path, section) for path, section in _sections())])


def key_page(word: str) -> str | None:
    """Return what a recipe's section (``terms.kd``) or key (``terms.kd.weight``) is, as Markdown; None if it is none.

    The last part of a name will do (``kd``, ``learning_rate``): all that end with it are told, or else all keys that
    do. A value behind a key, as ``--set`` takes it, is left out.
    """
    wanted = _parts(word)
    for exact in (True, False):
        told = [_listed(path, one) for path, one in _sections() if path and _named(path, wanted, exact)]
        told = told or [_key(path, field) for path, field in _keys() if _named(path, wanted, exact)]
        if told:
            return "\n".join(told)
    return None


def nearest_key(word: str) -> str | None:
    """Return the section or key whose whole name is most like ``word``; None if none is near."""
    known = [".".join(path) for path in (*(path for path, _ in _sections()), *(path for path, _ in _keys()))]
    return next(iter(difflib.get_close_matches(".".join(_parts(word)), known, n=1, cutoff=0.75)), None)


def _parts(word: str) -> Names:
    return tuple(word.partition("=")[0].strip().lower().replace("-", "_").split("."))


def _named(path: Names, wanted: Names, exact: bool) -> bool:
    return path == wanted if exact else path[-len(wanted) :] == wanted


def _sections(section: type[Section] = Recipe, path: Names = ()) -> Iterator[tuple[Names, type[Section]]]:
    """Every section that has keys of its own, with its name; plain keys come before sections, as in TOML."""
    if _plain(section):
        yield path, section
    for name, field in section.model_fields.items():
        if _is_section(field.annotation):
            yield from _sections(field.annotation, (*path, name))


def _keys() -> Iterator[tuple[Names, Any]]:
    return (((*path, name), field) for path, one in _sections() for name, field in _plain(one).items())


def _plain(section: type[Section]) -> dict[str, Any]:
    return {name: field for name, field in section.model_fields.items() if not _is_section(field.annotation)}


def _section(path: Names, section: type[Section]) -> str:
    """A section's title, sentence and table."""
    title = f"## `[{'.'.join(path)}]`" if path else "## Outside any section"
    rows = [f"| `{name}` | {_default(field)} | {_told(field)} |" for name, field in _plain(section).items()]
    intro = [f"{(section.__doc__ or '').strip()}\n"] if path else []
    return "\n".join([f"{title}\n", *intro, "| key | default | meaning |", "|---|---|---|", *rows, ""])


def _listed(path: Names, section: type[Section]) -> str:
    """A section for a terminal, on which a row of a table would be cut anywhere."""
    rows = [f"- `{name}`, {_default(field)}: {_plainly(field)}" for name, field in _plain(section).items()]
    below = [f"- `[{'.'.join(one)}]`" for one, _ in _sections() if one != path and one[: len(path)] == path]
    more = ["", "Sections in it:", "", *below] if below else []
    return "\n".join([f"# `[{'.'.join(path)}]`\n", f"{(section.__doc__ or '').strip()}\n", *rows, *more, ""])


def _key(path: Names, field: Any) -> str:  # noqa: ANN401 - pydantic's FieldInfo
    return f"# `{'.'.join(path)}`\n\n{_plainly(field)}\n\nDefault: {_default(field)}\n"


def _plainly(field: Any) -> str:  # noqa: ANN401
    return _told(field).replace("\\|", "|")


def _is_section(kind: Any) -> TypeGuard[type[Section]]:  # noqa: ANN401 - any annotation
    return isinstance(kind, type) and issubclass(kind, Section)


def _default(field: Any) -> str:  # noqa: ANN401 - pydantic's FieldInfo
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "not set"
    return (
        f"`{value.as_posix()}`"
        if isinstance(value, Path)
        else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    )


def _told(field: Any) -> str:  # noqa: ANN401
    """The sentence under the key, and the values that it takes."""
    bounds = limits(field.metadata)
    choices = [f"`{one}`" for one in getattr(field.annotation, "__args__", ()) if isinstance(one, str)]
    which = " One of " + ", ".join(choices) + "." if choices else ""
    which += f" {bounds.capitalize()}." if bounds else ""
    return (field.description or "").replace("\n", " ").replace("|", "\\|") + which
