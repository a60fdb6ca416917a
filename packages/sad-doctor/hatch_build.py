"""Where the package lies: at the root of a clone, or beside this file in a source distribution."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

# what is taken, by its place in a clone, and its place in a source distribution
_TAKEN = {"sad_doctor": "sad_doctor", "sad/version.py": "version.py"}


def _found(root: str, name: str) -> Path:
    packed = Path(root) / _TAKEN[name]
    return packed if packed.exists() else Path(root).parents[1] / name


class Files(BuildHookInterface[Any]):
    """Puts the package, and what belongs to it, into what is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files; an editable installation takes them where they are."""
        if version == "editable":
            return
        names = _TAKEN if self.target_name == "sdist" else ("sad_doctor",)
        build_data["force_include"].update({str(_found(self.root, name)): _TAKEN[name] for name in names})


class Version(MetadataHookInterface):
    """The version is that of the whole."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Read it from its only place."""
        text = _found(self.root, "sad/version.py").read_text(encoding="utf-8")
        (metadata["version"],) = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
