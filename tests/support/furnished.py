"""A folder in which `sad train` can run: a tiny pair, its text, and a recipe in `run.toml`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

RECIPE: dict[str, dict[str, Any]] = {
    "teacher": {"model": "./teacher"},
    "student": {"model": "./student"},
    "data": {"text": "./text.txt", "held_out": 0.2, "max_length": 32, "eval_windows": 4},
    "train": {"batch_size": 4, "device": "cpu", "precision": "fp32", "eval_every": 100_000, "save_every": 100_000},
}


def furnish(folder: Path, pair: Path) -> None:
    """Put into ``folder`` the pair and the text of ``pair``, and the recipe."""
    for name in ("teacher", "student"):
        shutil.copytree(pair / name, folder / name)
    shutil.copy(pair / "text.txt", folder / "text.txt")
    write(folder)


def write(folder: Path, **changes: dict[str, Any]) -> None:
    """Write the recipe with some keys of its sections changed."""
    lines = []
    for section, values in RECIPE.items():
        both = {**values, **changes.get(section, {})}
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in both.items())]
    (folder / "run.toml").write_text("\n".join(lines), encoding="utf-8")


def record(run: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """Return the lines that a run has on record."""
    return [json.loads(line) for line in (run / name).read_text(encoding="utf-8").splitlines()]
