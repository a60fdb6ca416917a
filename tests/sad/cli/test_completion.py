"""What a shell is offered: asked as bash, zsh and fish ask it, in a process that loads nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sad.cli import completion
from sad.recipe.schema import Recipe, assignment, load

ASK = """
import sys
from contextlib import suppress
from sad.cli.app import main
sys.argv = ["sad"]
with suppress(SystemExit):
    main()
print("loaded:", *sorted(set(sys.modules) & {"torch", "transformers", "datasets", "pandas", "textual"}))
"""


def asked(shell: str, words: str) -> list[str]:
    """Return the values that a shell is offered for the last word of a line."""
    line = f"sad {words}"
    env = {**os.environ, "_SAD_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    env |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, env=env, check=True, timeout=120)
    out, _, heavy = done.stdout.rpartition("loaded:")
    assert heavy.split() == []
    return [one.partition("\t")[0] for one in out.splitlines()]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("verify V10", "V101"),
        ("verify --only part", "partition"),
        ("train --set terms.kd.w", "terms.kd.weight="),
        ("doctor --select loss-s", "loss-spike"),
        ("explain R20", "R203"),
        ("explain terms.kd.w", "terms.kd.weight"),
    ],
)
def test_bash_is_offered_values(words: str, wanted: str) -> None:
    assert wanted in asked("bash", words)


def test_fish_is_offered_them_with_what_they_are() -> None:
    assert "R203.share=" in asked("fish", "doctor --set R203")


def test_zsh_is_offered_them_in_its_own_words() -> None:
    assert any('"rollback"' in one for one in asked("zsh", "train --on-red-flag ro"))


def test_every_key_that_is_offered_is_one_of_a_recipe() -> None:
    keys = [key for key, _ in completion.recipe_keys("")]
    assert "train.max_steps=" in keys
    assert {key.partition(".")[0].rstrip("=") for key in keys} == set(Recipe.model_fields)
    key, value = assignment(next(key for key in keys if key.startswith("train.seed")) + "7")
    assert load(None, {key: value}).train.seed == 7


@pytest.mark.parametrize(
    ("offer", "typed", "wanted"),
    [
        (completion.bugs, "", {"V101"}),
        (completion.bugs, "layer", {"layerwise-explodes"}),
        (completion.rules, "r2", {"R203"}),
        (completion.pages, "", {"V101", "R203"}),
        (completion.properties, "", {"partition"}),
        (completion.bands, "s", {"seed"}),
        (completion.fail_on, "", {"error", "warn"}),
        (completion.red_flags, "", {"ignore", "warn", "stop", "rollback"}),
        (completion.teachers, "", {"embedded", "asset:smollm2"}),
        (completion.teachers, "asset:s", {"asset:smollm2"}),
        (completion.students, "r", {"random:"}),
        (completion.texts, "emb", {"embedded"}),
        (completion.assets, "sm", {"smollm2"}),
        (completion.thresholds, "R203.s", {"R203.share="}),
    ],
)
def test_what_is_typed_is_kept(offer: completion.Offered, typed: str, wanted: set[str]) -> None:
    found = [name for name, _ in offer(typed)]  # type: ignore[operator]
    assert wanted <= set(found)
    assert all(name.lower().startswith(typed.lower()) for name in found)
    assert list(offer("no such thing")) == []  # type: ignore[operator]
