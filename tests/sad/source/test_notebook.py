"""Cells of a notebook become one text, whose lines are found again."""

from __future__ import annotations

import ast
import json

import pytest

from sad.source.notebook import notebook_of


def of(*sources):
    return notebook_of(json.dumps({"cells": [{"cell_type": "code", "source": one} for one in sources]}))


def test_a_line_is_found_again_in_its_cell():
    whole = of("a\nb", "", "c")
    assert whole.code.splitlines() == ["a", "b", "", "c"]
    assert [whole.placed(line) for line in (1, 2, 3, 4)] == [(1, 1), (1, 2), (2, 1), (3, 1)]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("!pip install x\nimport x", "pass\nimport x"),
        ("if a:\n    %load y\nb?", "if a:\n    pass\npass"),
        ("%%time\nx = 1", "pass\nx = 1"),
        ("%%bash\nls", ""),
        ("x = (y\n  % z)  # why?", "x = (y\n  % z)  # why?"),
        ("x = (y\n  != z)", "x = (y\n  != z)"),
        ("x = y % z\nt = '?'", "x = y % z\nt = '?'"),
    ],
)
def test_what_is_for_the_notebook_alone_does_nothing(cell, code):
    assert of(cell).code == code
    ast.parse(of(cell).code)


def test_a_cell_that_is_no_python_is_told_and_the_rest_stays():
    whole = of("a", "print 'x'", "b")
    assert whole.code == "a\nb"
    assert whole.placed(2) == (3, 1)
    assert [one.partition(":")[0] for one in whole.broken] == ["cell 2"]


@pytest.mark.parametrize("text", ["[]", "{}", '{"cells": 3}', "no JSON"])
def test_what_is_no_notebook_raises(text):
    with pytest.raises(ValueError, match=r"cells|Expecting"):
        notebook_of(text)
