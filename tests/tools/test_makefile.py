"""What `make` does with an environment that is there already."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
[ "$2" = venv ] || exit 0
[ "$3" = --clear ] && rm -rf "$4"
mkdir -p "$4/bin" && printf '#!/bin/sh\\nexit 0\\n' > "$4/bin/python" && chmod +x "$4/bin/python"
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize(("pip", "kept"), [(0, True), (1, False)])
def test_an_environment_without_pip_is_made_anew_and_one_with_it_stays(tmp_path: Path, pip: int, kept: bool) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    python, other = tmp_path / "python", tmp_path / ".venv" / "bin" / "python"
    other.parent.mkdir(parents=True)
    for path, text in ((python, PYTHON), (other, f"#!/bin/sh\nexit {pip}\n")):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    of_another = tmp_path / ".venv" / "of_another_python"
    of_another.touch()
    subprocess.run(["make", ".venv/.ready", f"PYTHON={python}"], cwd=tmp_path, check=True, capture_output=True)
    assert of_another.exists() is kept
    assert (tmp_path / ".venv" / ".ready").exists()
