"""Which columns of a row are text, a chat, or a question with its answer."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sad.errors import UserError, listed
from sad.recipe.inputs import Data

PLAIN = "text"
CHATS = ("messages", "conversations", "conversation", "chat")
ANSWERED = (
    *(("prompt", "completion"), ("prompt", "response"), ("instruction", "output")),
    *(("instruction", "response"), ("question", "answer"), ("input", "output")),
)
ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}
"""Roles of the ShareGPT format, and others of old, by what templates call them."""
KNOWN_ROLES = ("system", "developer", "user", "assistant", "tool")

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """What the rows of a source are: ``columns`` holds the names that make up a document."""

    kind: Literal["plain", "messages", "answered"]
    columns: tuple[str, ...]
    guessed: bool = False

    @property
    def told(self) -> str:
        """The recipe's keys that say the same."""
        keys = {"plain": ("column",), "messages": ("messages",), "answered": ("prompt", "completion")}[self.kind]
        return ", ".join(f"data.{key} = {name}" for key, name in zip(keys, self.columns, strict=True))


def form(data: Data, columns: Sequence[str], origin: str) -> Form:
    """Decide by the recipe, or by the names of the columns. Raises UserError if none of them fits."""
    named: list[tuple[Literal["plain", "messages", "answered"], tuple[str | None, ...], str]] = [
        ("plain", (data.column,), "data.column"),
        ("messages", (data.messages,), "data.messages"),
        ("answered", (data.prompt, data.completion), "data.prompt and data.completion"),
    ]
    for kind, names, key in named:
        wanted = tuple(name for name in names if name is not None)
        for name in wanted:
            if name not in columns:
                raise UserError(f"{origin}: no column {name!r}; {_there(name, columns)} (set {key})")
        if wanted:
            return Form(kind, wanted)
    if PLAIN in columns:
        return Form("plain", (PLAIN,))
    if found := next((name for name in CHATS if name in columns), None):
        return Form("messages", (found,), guessed=True)
    if both := next((pair for pair in ANSWERED if set(pair) <= set(columns)), None):
        return Form("answered", both, guessed=True)
    told = f"{origin}: no column {PLAIN!r}; {_there(PLAIN, columns)}"
    raise UserError(f"{told} (set data.column, data.messages, or data.prompt and data.completion)")


def _there(wanted: str, columns: Sequence[str]) -> str:
    if not columns:
        return "it has no columns"
    by_name = {name.lower(): name for name in columns}
    near = difflib.get_close_matches(wanted.lower(), list(by_name), n=1, cutoff=0.6)
    return f"it has {listed(list(columns), wanted)}" + (f"; did you mean {by_name[near[0]]!r}?" if near else "")


def chat(values: Mapping[str, Any], of: Form, place: str) -> tuple[list[Message], int] | None:
    """Return the messages of a row, and how many of them are given before the first answer that counts.

    None where a part is missing. A question and its answer become two messages, after the system's if there is a
    column `system`; what Alpaca calls `input` goes behind the instruction. Raises UserError for what is no chat.
    """
    parts = [values.get(name) for name in of.columns]
    if any(part is None or part == [] for part in parts):
        return None
    if of.kind == "messages":
        return _messages(parts[0], of.columns[0], place), 0
    question, answer = parts
    if isinstance(question, list) or isinstance(answer, list):
        given = _messages(question, of.columns[0], place) if isinstance(question, list) else [_user(question, place)]
        own = _messages(answer, of.columns[1], place) if isinstance(answer, list) else [_assistant(answer, place)]
        return [*given, *own], len(given)
    if isinstance(question, str) and of.columns[0] == "instruction" and _text(values.get("input")):
        question = f"{question}\n\n{values['input']}"
    system = _text(values.get("system"))
    before: list[Message] = [{"role": "system", "content": system}] if system else []
    return [*before, _user(question, place), _assistant(answer, place)], len(before) + 1


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.strip() else ""


def _user(text: object, place: str) -> Message:
    return _message({"role": "user", "content": text}, place)


def _assistant(text: object, place: str) -> Message:
    return _message({"role": "assistant", "content": text}, place)


def _messages(found: object, column: str, place: str) -> list[Message]:
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        told = f"column {column!r} holds {type(found).__name__}, not a list of {{role, content}}"
        raise UserError(f"{place}: {told}; set data.messages to the column that does, or mend the row")
    return [_message(one, place) for one in found]


def _message(found: Mapping[str, Any], place: str) -> Message:
    if "role" not in found and {"from", "value"} <= set(found):
        found = {"role": found["from"], "content": found["value"]}
    role, content = found.get("role"), found.get("content")
    role = ROLES.get(str(role), role)
    if role not in KNOWN_ROLES:
        # a role is written into the template's marks, so it must not be able to say anything
        known = ", ".join(KNOWN_ROLES)
        raise UserError(f"{place}: the role of a message is {role!r}, not one of {known}; mend the row or delete it")
    if isinstance(content, list):
        # the parts of a message that can also hold pictures
        if not all(isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in content):
            raise UserError(f"{place}: a message holds something that is not text, a picture perhaps; delete the row")
        content = "".join(part["text"] for part in content)
    if not isinstance(content, str) and not (content is None and found.get("tool_calls")):
        told = f"the content of a message is {type(content).__name__}, not text"
        raise UserError(f"{place}: {told}; mend the row or delete it")
    # a table of rows fills what a message lacks with nulls; templates ask whether a key is there
    rest = {key: value for key, value in found.items() if value is not None}
    return {**rest, "role": role, "content": content or ""}
