"""What must hold of a run's folder after a kill, and of a run that was killed and came to its end."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sad_doctor import names

CLOCKED = ("time", names.TOKENS_PER_SECOND, names.SECONDS, names.MEMORY)
"""Beginnings of the names of what depends on the clock or the machine."""


def lines(run: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """Return the whole lines of a file of the record; what a kill left of a last line is none."""
    path = run / name
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def newest(run: Path) -> int | None:
    """Return the step of the newest checkpoint that stands under its own name."""
    return max((int(p.name.removeprefix("step-")) for p in run.glob("checkpoints/step-*")), default=None)


def after_a_kill(run: Path, before: int | None, files: set[str]) -> Iterator[str]:
    """Yield what is wrong with the folder; ``before`` is the newest checkpoint that was known, ``files`` are those of
    a whole student."""
    from safetensors.torch import load_file

    recipe = run / "recipe.toml"
    if recipe.exists():
        found = tomllib.loads(recipe.read_text(encoding="utf-8"))
        if not {"teacher", "student", "data", "train", "terms", "output"} <= set(found):
            yield "half a recipe"
    if (run / "run.json").exists():
        json.loads((run / "run.json").read_text(encoding="utf-8"))
    told = [e["step"] for e in lines(run, "events.jsonl") if e["kind"] == names.EVENT_CHECKPOINT]
    known = max([*told, *([before] if before is not None else [])], default=None)
    if known is not None and (newest(run) is None or (newest(run) or 0) < known):
        yield f"the checkpoint of step {known} is lost"
    for folder in sorted(run.glob("checkpoints/step-*")):
        try:
            state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            for file in ("distiller.safetensors", "optimizer.safetensors"):
                load_file(str(folder / file))
            if state["step"] != int(folder.name.removeprefix("step-")):
                yield f"{folder.name} is of another step"
        except Exception as error:  # whatever half a file brings about
            yield f"{folder.name} is there by name, and not whole: {type(error).__name__}"
    student = run / "student"
    if student.exists() and {p.name for p in student.iterdir()} != files:
        yield "student/ is there by name, and not whole"


def against(run: Path, other: Path) -> Iterator[str]:
    """Yield where a run that was killed differs from ``other``, which was not."""
    for name in ("student/model.safetensors", *(f"checkpoints/{p.name}/{f.name}" for p, f in _kept(other))):
        if not (run / name).is_file():
            yield f"{name} is missing"
        elif (run / name).read_bytes() != (other / name).read_bytes():
            yield f"{name} is another"
    mine, wanted = ([_exact(line) for line in lines(one)] for one in (run, other))
    if mine != wanted:
        twice = [step for step, n in Counter(line["step"] for line in mine if names.LOSS in line).items() if n > 1]
        yield f"the record differs: {len(mine)} lines, not {len(wanted)}; steps twice: {twice}"
    kinds = Counter((event["kind"], event.get("step")) for event in lines(run, "events.jsonl"))
    # a start that nothing was left of is not told as a resume
    lives = sum(count for (kind, _), count in kinds.items() if kind == names.EVENT_RESUME) + 1
    for (kind, step), count in kinds.items():
        # each life may end with a crash of its own: one process tells that the other has gone
        most = lives if kind == names.EVENT_CRASH else 1
        if count > most and kind != names.EVENT_RESUME:
            yield f"the event {kind} of step {step} is there {count} times"
    if left := [p.name for p in run.rglob(".*") if p.name.endswith(".tmp")]:
        yield f"left behind: {', '.join(left)}"
    if json.loads((run / "run.json").read_text(encoding="utf-8"))[names.STATUS] != "finished":
        yield "run.json does not say that it is finished"


def _kept(run: Path) -> Iterator[tuple[Path, Path]]:
    for folder in sorted((run / "checkpoints").iterdir()):
        for file in sorted(folder.iterdir()):
            yield folder, file


def _exact(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if not key.startswith(CLOCKED)}
