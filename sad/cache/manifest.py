"""The manifest of a cache, and the file that marks one as unfinished."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sad.cache.layout import layout
from sad.cache.part import Part
from sad.errors import UserError
from sad_doctor import bounded

WHOLE, PARTIAL = "manifest.json", "partial.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a cache is of (its ``key``), its parts, and ``more`` that a reader needs. On disk it is JSON."""

    key: Mapping[str, Any]
    parts: Mapping[str, Part]
    more: Mapping[str, Any]

    def text(self) -> str:
        """Return it as JSON; offsets are files of their own."""
        parts = {
            name: {"layout": part.layout.tree(), "examples": len(part.offsets) - 1, "shard_rows": part.shard_rows}
            for name, part in self.parts.items()
        }
        return json.dumps({"key": dict(self.key), "parts": parts, **self.more}, indent=1) + "\n"


def read(folder: Path) -> Manifest:
    """Return the manifest of a whole cache. Raises UserError with the way on where there is none."""
    file = folder / WHOLE
    if not file.is_file():
        if (folder / PARTIAL).is_file():
            raise UserError(f"the cache {folder} is half written: run the same `sad cache` again, and it goes on")
        raise UserError(f"{folder} holds no cache of a teacher: write one with: sad cache --cache {folder}")
    try:
        tree = bounded.json_of(file)
        parts = {str(name): _part(folder, str(name), one) for name, one in tree.pop("parts").items()}
        return Manifest(dict(tree.pop("key")), parts, tree)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        told = str(error).partition("\n")[0]
        raise UserError(f"{file} cannot be read ({told}): remove the folder and write it again") from None


def save(file: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it. Raises OSError; what was half written is removed."""
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        # what lies there may be a link to something else
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def save_offsets(folder: Path, part: Part) -> None:
    """Write where the records of each example begin. Raises OSError."""
    save(_offsets_file(folder, part.name), part.offsets.astype("<i8").tobytes())


def _part(folder: Path, name: str, tree: Mapping[str, Any]) -> Part:
    offsets = np.fromfile(_offsets_file(folder, name), dtype="<i8").astype(np.int64)
    if len(offsets) != int(tree["examples"]) + 1 or offsets[0] or (np.diff(offsets) < 0).any():
        raise ValueError(f"{_offsets_file(folder, name).name} does not fit it")
    return Part(name, layout(tree["layout"]), offsets, int(tree["shard_rows"]))


def _offsets_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.offsets"
