"""The environment of a program that is installed: its bytecode is kept, as an installer leaves it.

Where ``PYTHONDONTWRITEBYTECODE`` is set, as in many containers, each start compiles every module anew: half of a start.
The first run compiles, so the best of several is to be taken.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def installed() -> dict[str, str]:
    """Return this environment with a place for bytecode."""
    kept = Path(tempfile.gettempdir()) / "sad-bytecode"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return environment | {"PYTHONPYCACHEPREFIX": str(kept)}
