"""A folder with the tiny pair, a text and a recipe, in which runs are started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faulted.start import Before, Process, start

STEPS = 24
BASE: dict[str, dict[str, Any]] = {
    "teacher": {"model": "./teacher"},
    "student": {"model": "./student"},
    "data": {"text": "./text.txt", "held_out": 0.2, "max_length": 32, "eval_windows": 8},
    "train": {
        **{"batch_size": 2, "max_steps": STEPS, "device": "cpu", "precision": "fp32", "save_every": 4},
        **{"eval_every": 5, "grad_shares_every": 6, "learning_rate": 2e-3, "on_red_flag": "ignore"},
    },
}


@dataclass(frozen=True, slots=True)
class World:
    """The folder; ``streams`` takes what the processes print."""

    folder: Path
    streams: Path

    def start(
        self, *words: str, env: Mapping[str, str] | None = None, before: Before | None = None, cwd: Path | None = None
    ) -> Process:
        """Start `sad` with these words in the folder, with a cache of its own."""
        own = {"SAD_CACHE": str(self.folder / "cache"), **(env or {})}
        return start(*words, cwd=cwd or self.folder, streams=self.streams, env=own, before=before)

    def run(self, *words: str, **how: Any) -> tuple[int, str]:
        """Return the exit code and what was printed."""
        process = self.start(*words, **how)
        return process.wait(), process.told

    def recipe(self, changes: Mapping[str, Mapping[str, Any]] | None = None, name: str = "run.toml") -> str:
        """Write a recipe with some changes; return its name."""
        lines = []
        for section in dict.fromkeys((*BASE, *(changes or {}))):
            both = {**BASE.get(section, {}), **(changes or {}).get(section, {})}
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in both.items())]
        (self.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return name


def make(folder: Path, paragraphs: int = 40) -> World:
    """Write the pair, whose student has dropout so that the random generators count, and the text."""
    from sad import tiny

    pair = tiny.pair()
    student = tiny.model(pair.readers.student.size, layers=2, width=16, seed=2, attention_dropout=0.1)
    folder.mkdir(parents=True)
    for name, model in (("teacher", pair.teacher), ("student", student)):
        model.save_pretrained(folder / name)  # type: ignore[operator]
        getattr(pair.readers, name).tokenizer.save_pretrained(folder / name)
    some = [paragraph for _ in range(paragraphs) for paragraph in tiny.TEXT.strip().split("\n\n")]
    (folder / "text.txt").write_text("\n\n".join(some), encoding="utf-8")
    world = World(folder, folder / "streams")
    world.recipe()
    return world
