"""A recipe as it is put on record: whole, in TOML, with paths that hold from any folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sad.recipe.inputs import TEMPLATES
from sad.recipe.schema import Recipe

PATHS = (
    *(("teacher", "model"), ("teacher", "tokenizer"), ("student", "model"), ("student", "tokenizer")),
    *(("data", "text"), ("data", "held_out"), ("data", "template"), ("cache", "path")),
)
"""Keys whose value may be a path."""


def anchored(recipe: Recipe) -> Recipe:
    """Return the recipe with every path that exists made absolute, so that the run goes on from any folder."""
    tree = recipe.model_dump()
    for section, key in PATHS:
        if key == "template" and tree[section][key] in TEMPLATES:
            continue
        if isinstance(value := tree[section][key], str) and Path(value).expanduser().exists():
            tree[section][key] = str(Path(value).expanduser().resolve())
    for custom in tree["terms"]["custom"].values():
        place, colon, name = custom["term"].rpartition(":")
        if Path(place).expanduser().is_file():
            custom["term"] = f"{Path(place).expanduser().resolve()}{colon}{name}"
    if there := tree["train"]["push_checkpoint"]:
        # it need not exist yet
        tree["train"]["push_checkpoint"] = str(Path(there).expanduser().absolute())
    return Recipe.model_validate(tree)


def toml(recipe: Recipe) -> str:
    """Write a recipe as TOML, every value spelled out, so that :func:`sad.recipe.schema.load` gives the same recipe."""
    return "\n".join(_table((), recipe.model_dump(mode="json", exclude_none=True))).lstrip("\n") + "\n"


def _table(path: tuple[str, ...], tree: Mapping[str, Any]) -> list[str]:
    plain = {k: v for k, v in tree.items() if not isinstance(v, dict)}
    lines = ["", f"[{'.'.join(path)}]"] if path and plain else []
    lines += [f"{key} = {_literal(value)}" for key, value in plain.items()]
    for key, value in tree.items():
        if isinstance(value, dict):
            lines += _table((*path, key), value)
    return lines


def _literal(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)} = {_literal(one)}' for key, one in value.items())}}}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(c if c >= " " and c not in '"\\\x7f' else f"\\u{ord(c):04x}" for c in value)
        return f'"{escaped}"'
    return repr(value)
