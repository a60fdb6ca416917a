"""What is said of code that raises: a fault of its own, or of what stands for its models and batches."""

from __future__ import annotations

import pytest

from sad.judge import target
from sad.judge.raising import CannotRunError, refused, telling
from sad.judge.stand_in import NeedsAdapterError


def test_the_error_that_is_not_about_the_form_of_a_batch_tells_most():
    form, other = ValueError("too many values to unpack (expected 2)"), KeyError("ids")
    assert telling([form, other]) is other
    assert telling([form]) is form
    assert isinstance(refused(form, "dicts"), NeedsAdapterError)
    assert isinstance(refused(ValueError("no"), "dicts"), CannotRunError)
    assert isinstance(refused(RuntimeError("sizes"), "dicts", form), NeedsAdapterError)
    absent = refused(ModuleNotFoundError("No module named 'board'", name="board"), "dicts")
    assert isinstance(absent, NeedsAdapterError)
    assert "board" in str(absent)


def test_a_global_of_the_program_is_told(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(
        "def f():\n    return words, colour\n\nif __name__ == '__main__':\n    words = 1\n", encoding="utf-8"
    )
    function = target.load(f"{file}:f")
    with pytest.raises(NameError) as caught:
        function()
    why = refused(caught.value, "dicts")
    assert isinstance(why, NeedsAdapterError)
    assert "it reads words, which its file sets only where it is run as a program" in str(why)
    function.__globals__["words"] = 1
    with pytest.raises(NameError) as caught:
        function()
    assert isinstance(refused(caught.value, "dicts"), CannotRunError)
