"""The plan in words before a run, and its scores in a table afterwards."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console
from torch import nn

from sad.evaluate import Likelihood, Scores
from sad.objective import Ledger
from sad.recipe.schema import Recipe
from sad.train.loop import Result
from sad.train.printout import describe, table
from sad.train.watch.ending import Ending


def planned(**other: Any) -> Any:
    """What of a plan is told, with models of 6 and of 200,000 parameters."""
    pair = SimpleNamespace(
        teacher=nn.Linear(400, 500, bias=False),
        student=nn.Linear(2, 3, bias=False),
        vocab=SimpleNamespace(identity=other.pop("identity", True)),
    )
    usual = {"cache": None, "grows": False, "coverage": 0.5, "notes": (), "steps": 1200, "device": "cpu"}
    sizes = {"train": range(5000), "held_out": range(64), "precision": "fp32"}
    schedule = SimpleNamespace(schedule=lambda processes: SimpleNamespace(per_step=8 * processes))
    return SimpleNamespace(**{"recipe": Recipe(), "pair": pair, **vars(schedule), **usual, **sizes, **other})


def test_a_plan_is_told_in_three_lines() -> None:
    models, windows, steps = describe(planned(), 2)
    assert models == "teacher embedded (0.2M); student embedded (6); one tokenizer"
    assert windows == "5,000 windows of up to 128 tokens, 64 held out"
    assert steps.startswith("1,200 steps of 16 windows on cpu, fp32; terms: ")


def test_what_is_odd_about_a_plan_is_told_too() -> None:
    cache: Any = SimpleNamespace(told=lambda: "a cache of 9 boundaries")
    lines = describe(planned(identity=False, cache=cache, grows=True, notes=("one text is empty",)))
    assert lines[0].endswith("student embedded (6); two tokenizers, 50% of labels comparable")
    assert "teacher embedded (cached)" in lines[0]
    assert lines[1] == "a cache of 9 boundaries"
    assert "tokens, more of the stream as the steps need them, 64" in lines[2]
    assert lines[-1] == "note: one text is empty"


def test_the_table_has_the_scores_before_and_after_and_the_teachers() -> None:
    def scored(perplexity: float) -> Scores:
        return Scores(Likelihood(math.log(perplexity) * 10, 10, 40), 0.25, 0.5, 1.0, Ledger({}, {}))

    for start, first in ((0, "student before"), (1200, "student at step 1,200")):
        ends = scored(50.0), scored(20.0), scored(4.0).likelihood
        console = Console(width=100)
        with console.capture() as shown:
            console.print(table(Result(Path(), start, 1500, 0, *ends, Ending())))
        rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.get().splitlines() if "│" in line]
        assert rows == [
            [first, f"{math.log2(50) / 4:.3f}", "50.0", "0.250", "50.0%"],
            ["student after", f"{math.log2(20) / 4:.3f}", "20.0", "0.250", "50.0%"],
            ["teacher", "0.500", "4.0", "0", "100.0%"],
        ]
