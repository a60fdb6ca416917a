"""What a command does not need it does not load. Looked at in a fresh interpreter, where imports cannot hide."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "pandas", "transformers", "datasets", "accelerate", "textual", "tokenizers"}
LOOK = """
import sys
from contextlib import suppress
sys.argv = {words!r}
with suppress(SystemExit):
    {call}
print("loaded:", *sorted(set(sys.modules) & {heavy!r}))
"""


def loaded(call: str, words: list[str], heavy: set[str] = HEAVY) -> tuple[list[str], str]:
    """Return which heavy modules a fresh interpreter has loaded after ``call``, and what it printed before."""
    script = LOOK.format(call=call, words=words, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    out, _, found = done.stdout.rpartition("loaded:")
    return found.split(), out


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["train", "--help"],
        ["cache", "--help"],
        ["verify", "--help"],
        ["doctor", "--help"],
        ["explain", "--help"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_help_answers_at_once(words: list[str]) -> None:
    found, out = loaded("from sad.cli.app import main; main()", ["sad", *words])
    assert "sad" in out
    assert found == []


def test_the_doctor_is_imported_without_anything_heavy() -> None:
    found, _ = loaded("import sad_doctor", ["-"], HEAVY | {"sad", "numpy", "rich", "typer"})
    assert set(found) <= {"numpy"}


def test_the_writer_of_the_record_needs_the_standard_library_only() -> None:
    found, _ = loaded("import sad_doctor.record", ["-"], HEAVY | {"sad", "numpy", "rich", "typer"})
    assert found == []


def test_importing_the_trainers_package_loads_nothing() -> None:
    found, _ = loaded("import sad, sad.recipe.schema, sad.errors", ["-"])
    assert found == []


def test_this_test_sees_what_is_loaded() -> None:
    assert loaded("import torch", ["-"])[0] == ["torch"]
