"""A folder in which `sad train` can run: a tiny pair, its text, and a recipe in `run.toml`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

RECIPE = """
[teacher]
model = "./teacher"
[student]
model = "./student"
[data]
text = "./text.txt"
held_out = 0.2
max_length = 32
eval_windows = 4
[train]
batch_size = 4
device = "cpu"
precision = "fp32"
eval_every = 100000
save_every = 100000
"""


def furnish(folder: Path, pair: Path) -> None:
    """Put into ``folder`` the pair and the text of ``pair``, and the recipe."""
    for name in ("teacher", "student"):
        shutil.copytree(pair / name, folder / name)
    shutil.copy(pair / "text.txt", folder / "text.txt")
    (folder / "run.toml").write_text(RECIPE, encoding="utf-8")


def record(run: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """Return the lines that a run has on record."""
    return [json.loads(line) for line in (run / name).read_text(encoding="utf-8").splitlines()]
