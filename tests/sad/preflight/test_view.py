from __future__ import annotations

import io
import json
import math

from rich.console import Console

from sad.preflight.finding import Finding, Level
from sad.preflight.view import closing, document, lines, show
from sad.recipe.schema import parse

RECIPE = parse({"student": {"model": "./s", "tokenizer": "./t"}}, "test")
FOUND = [
    Finding("time", Level.FINE, "about a minute"),
    Finding("labels", Level.SKIPPED, "no prompt"),
    Finding("first batch", Level.WRONG, "too large", edits={"terms.layerwise.weight": 0.02, "student.tokenizer": None}),
    Finding("teacher", Level.WARNING, "hardly better", advice="take a larger one", numbers={"x": math.inf}),
]


def test_what_is_wrong_comes_first_with_its_edits_and_the_rest_in_one_line_each() -> None:
    told = [line for _, line in lines(RECIPE, FOUND, "utf-8")]
    assert told == [
        "✗ first batch  too large",
        "               mend: terms.layerwise.weight = 0.02 (is 0.03)",
        '               mend: take student.tokenizer out (is "./t")',
        "! teacher      hardly better",
        "               do: take a larger one",
        "✓ time         about a minute",
        "- labels       not applicable: no prompt",
    ]
    assert next(lines(RECIPE, FOUND, "ascii"))[1].startswith("FAIL first batch")


def test_the_last_line_counts_and_names_the_way_on() -> None:
    assert closing(FOUND, 12.3, None, mendable=True).startswith("1 wrong, 1 warning, 1 fine, in 12 s.")
    assert "--write-fix" in closing(FOUND, 1, None, mendable=True)
    assert "--write-fix" not in closing(FOUND, 1, None, mendable=False)
    assert "sad verify --config f.toml" in closing(FOUND, 1, "f.toml", mendable=True)
    assert "f.toml is the recipe as it was" in closing(FOUND, 1, "f.toml", mendable=False)


def test_a_terminal_folds_and_a_pipe_does_not() -> None:
    told = list(lines(RECIPE, FOUND, "utf-8"))
    out = io.StringIO()
    show(Console(file=out, width=60), told, "the end")
    assert out.getvalue().splitlines() == [*(line for _, line in told), "the end"]
    out = io.StringIO()
    long = [(Level.FINE, "✓ time  " + "word " * 40)]
    show(Console(file=out, width=60, force_terminal=True, color_system=None), long, "the end")
    assert max(map(len, out.getvalue().splitlines())) <= 60


def test_the_json_is_strict_and_whole() -> None:
    made = json.loads(document(RECIPE, FOUND, {"train.clip": 1.0}, 2.0))
    assert made["status"] == "wrong"
    assert made["schema"] == 1
    assert [f["level"] for f in made["findings"]] == ["fine", "not applicable", "wrong", "warning"]
    assert made["findings"][2]["edits"]["student.tokenizer"] is None
    assert made["edits"] == {"train.clip": 1.0}
    assert made["recipe"]["student"]["model"] == "./s"
