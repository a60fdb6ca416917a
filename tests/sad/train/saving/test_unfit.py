"""What is wrong with a checkpoint is told in plain words, in a line, whatever raised it."""

from __future__ import annotations

import json

import pytest
import torch

from sad.train.saving.unfit import OTHER_FORM, reason


def raised(what: str) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what Python says of it is the test
        eval(what, {"json": json, "torch": torch})
    return caught.value


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("{}['step']", "it lacks step"),
        ("{}['a\\x1b[31m\\nb']", "it lacks a"),
        ("json.loads('{')", "its state is no JSON"),
        ("float('x')", OTHER_FORM),
        ("int('x')", OTHER_FORM),
        ("next(a for a, b in [['x']])", OTHER_FORM),
        ("int(float('inf'))", OTHER_FORM),
        ("[].items()", OTHER_FORM),
        ("[][0]", OTHER_FORM),
        ("open('/there/is/no/state.json')", "state.json: No such file or directory"),
        ("torch.ones(2).view(3)", "shape '[3]' is"),
    ],
)
def test_a_reason_is_a_plain_line(what: str, told: str) -> None:
    found = reason(raised(what))
    assert found.startswith(told)
    assert "\n" not in found
    assert "\x1b" not in found
    assert "Error" not in found


def test_what_we_say_ourselves_is_handed_on() -> None:
    assert reason(ValueError("its optimizer lacks a moment")) == "its optimizer lacks a moment"
    assert reason(RuntimeError("first:\n\tsize mismatch\n\tsecond")) == "first: size mismatch"
    assert reason(ValueError()) == OTHER_FORM
