"""What a recipe may say of its inputs, and what cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest

from sad.errors import UserError
from sad.recipe.schema import parse


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"held_out": 0}, "a share, a number of documents, or a file"),
        ({"held_out": -3}, "a share, a number of documents, or a file"),
        ({"held_out": 1.0}, "between 0 and 1"),
        ({"streaming": True}, "a stream has no share: set data.held_out"),
        ({"prompt": "a"}, "go together"),
        ({"completion": "a"}, "go together"),
        ({"messages": "a", "column": "b"}, "data.column and data.messages are set"),
        ({"column": "a", "learn": "completion"}, "plain text has no answers"),
        ({"learn": "nothing"}, "data.learn"),
    ],
)
def test_what_cannot_be_meant_is_refused(data: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as caught:
        parse({"data": data}, "test")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        {"held_out": 7},
        {"held_out": "split:test"},
        {"streaming": True, "held_out": 7},
        {"prompt": "a", "completion": "b"},
    ],
)
def test_what_can_is_kept(data: dict[str, Any]) -> None:
    found = parse({"data": data}, "test").data
    assert {key: getattr(found, key) for key in data} == data
    assert type(found.held_out) is type(data.get("held_out", 0.05))
