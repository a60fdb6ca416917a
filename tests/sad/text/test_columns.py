"""Columns are taken as told, or by their names; whatever is no chat is refused with its place."""

from __future__ import annotations

from typing import Any

import pytest

from sad.errors import UserError
from sad.recipe.inputs import Data
from sad.text.columns import Form, chat, form


@pytest.mark.parametrize(
    ("data", "columns", "found"),
    [
        ({}, ["id", "text"], Form("plain", ("text",))),
        ({}, ["text", "messages"], Form("plain", ("text",))),
        ({}, ["prompt", "messages"], Form("messages", ("messages",), True)),
        ({}, ["conversations"], Form("messages", ("conversations",), True)),
        ({}, ["completion", "prompt"], Form("answered", ("prompt", "completion"), True)),
        ({}, ["instruction", "input", "output"], Form("answered", ("instruction", "output"), True)),
        ({"column": "body"}, ["text", "body"], Form("plain", ("body",))),
        ({"messages": "log"}, ["text", "log"], Form("messages", ("log",))),
        ({"prompt": "q", "completion": "a"}, ["q", "a", "text"], Form("answered", ("q", "a"))),
    ],
)
def test_what_the_columns_are(data: dict[str, Any], columns: list[str], found: Form) -> None:
    assert form(Data(**data), columns, "x") == found


@pytest.mark.parametrize(
    ("data", "columns", "told"),
    [
        ({}, ["Text", "id"], "no column 'text'; it has Text, id; did you mean 'Text'? (set data.column, data.messages"),
        ({}, [], "it has no columns"),
        ({"column": "contents"}, ["content", "n"], "did you mean 'content'? (set data.column)"),
        ({"prompt": "q", "completion": "x"}, ["q", "a"], "no column 'x'; it has q, a (set data.prompt and"),
        ({"messages": "m"}, ["text"], "no column 'm'; it has text (set data.messages)"),
    ],
)
def test_a_column_that_is_not_there(data: dict[str, Any], columns: list[str], told: str) -> None:
    with pytest.raises(UserError) as caught:
        form(Data(**data), columns, "a.csv")
    assert str(caught.value).startswith("a.csv: ")
    assert told in str(caught.value)


MESSAGES, ANSWERED = Form("messages", ("messages",)), Form("answered", ("prompt", "completion"))
USER, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("values", "of", "found"),
    [
        ({"messages": [USER, ANSWER]}, MESSAGES, ([USER, ANSWER], 0)),
        ({"messages": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, MESSAGES, ([USER, ANSWER], 0)),
        ({"messages": [{**USER, "tool_calls": None}]}, MESSAGES, ([USER], 0)),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}]}, MESSAGES, ([USER], 0)),
        ({"messages": None}, MESSAGES, None),
        ({"messages": []}, MESSAGES, None),
        ({"prompt": "q", "completion": "a"}, ANSWERED, ([USER, ANSWER], 1)),
        ({"prompt": "q", "completion": None}, ANSWERED, None),
        (
            {"prompt": "q", "completion": "a", "system": "s"},
            ANSWERED,
            ([{"role": "system", "content": "s"}, USER, ANSWER], 2),
        ),
        ({"prompt": [USER, ANSWER, USER], "completion": [ANSWER]}, ANSWERED, ([USER, ANSWER, USER, ANSWER], 3)),
        (
            {"instruction": "q", "input": "x", "output": "a"},
            Form("answered", ("instruction", "output")),
            ([{"role": "user", "content": "q\n\nx"}, ANSWER], 1),
        ),
        (
            {"instruction": "q", "input": " ", "output": "a"},
            Form("answered", ("instruction", "output")),
            ([USER, ANSWER], 1),
        ),
    ],
)
def test_the_messages_of_a_row(values: dict[str, Any], of: Form, found: Any) -> None:
    assert chat(values, of, "x") == found


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ("text", "holds str, not a list of"),
        ([3], "not a list of"),
        ([{"role": "wizard", "content": "q"}], "the role of a message is 'wizard'"),
        ([{"role": "user|>", "content": "q"}], "the role of a message"),
        ([{"content": "q"}], "the role of a message is None"),
        ([{"role": "user", "content": 3}], "the content of a message is int, not text"),
        ([{"role": "user"}], "the content of a message is NoneType"),
        ([{"role": "user", "content": [{"type": "image"}]}], "something that is not text"),
    ],
)
def test_what_is_no_chat_is_refused_with_its_place(messages: Any, told: str) -> None:
    with pytest.raises(UserError) as caught:
        chat({"messages": messages}, MESSAGES, "a.jsonl, line 7")
    assert str(caught.value).startswith("a.jsonl, line 7: ")
    assert told in str(caught.value)
