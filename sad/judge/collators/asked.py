"""A text in strings, as a dict that answers to any column's name by what the name is like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sad.judge.collators.features import DICT, Features, cut
from sad.judge.collators.words import written
from sad.subjects.text_loss import Marks, Text

ANSWER = re.compile(r"answer|response|output|completion|target|reply|summary|solution|highlights|assistant|label")
PROMPT = re.compile(r"prompt|question|instruction|input|source|query|user|context|article|document|problem|human|text")
EMPTY = re.compile(r"history|system")
"""What a column's name is like that is an answer, what it answers to, or nothing here."""


class Strings(dict[str, Any]):
    """A prompt and a completion; ``example["article"]`` is the prompt, ``example["summary"]`` what follows it."""

    def __init__(self, prompt: Any, completion: Any, empty: Any = "") -> None:  # noqa: ANN401 - one string, or a list
        super().__init__(prompt=prompt, completion=completion)
        self.empty = empty

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 - one string, or a list
        for like, value in ((ANSWER, self["completion"]), (EMPTY, self.empty), (PROMPT, self["prompt"])):
            if like.search(name.lower()):
                return value
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any default
        """Return what a name is like, the default for a name that is like none."""
        try:
            return self[name]
        except KeyError:
            return default


def columns(rows: Sequence[Strings]) -> Strings:
    """Return the columns of several texts, as a data set's `map(batched=True)` gives them."""
    prompts, completions, empty = zip(*((one["prompt"], one["completion"], one.empty) for one in rows), strict=True)
    return Strings(list(prompts), list(completions), list(empty))


def _strings(text: Text, marks: Marks) -> Strings:
    return Strings(*(written(part, marks) for part in cut(text)))


ASKED = Features(f"{DICT} strings, a prompt or its answer by what a name is like", _strings)
