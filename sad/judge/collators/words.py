"""A tokenizer whose words are numbers: token 7 is the word `t7`, so that any ids can be written as a text."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

from sad.invariants._models import VOCABULARY
from sad.subjects.text_loss import Marks

END, PAD = "</s>", "<pad>"
HEADER = f"t{VOCABULARY - 1} "
"""What stands before an answer in a conversation, and where one is asked for: a word that no text holds."""
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ '" + HEADER + "' }}"
    "{% generation %}{{ message['content'] + ' ' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + ' ' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '" + HEADER + "' }}{% endif %}"
)
"""A chat template that adds nothing but a header before each answer: a conversation is its messages."""
LONGEST = 64
"""Tokens that a text may have at the most: more than any here has, and fewer than the models can read."""


def tokenizer(marks: Marks, side: str = "right", size: int = VOCABULARY, *, unknown: bool = False) -> Any:  # noqa: ANN401 - no common type
    """Return a fast tokenizer of ``size`` words that pads on ``side``; where both marks are one, the end mark pads.

    With ``unknown`` every word that is none of those is the last one: a template that a collator looks for.
    """
    made = copy.deepcopy(_made(marks, size, HEADER.strip() if unknown else "<unk>"))
    made.padding_side = side
    return made


@cache
def _made(marks: Marks, size: int, unknown: str) -> Any:  # noqa: ANN401
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    from sad.judge.collators.chats import ChatTokenizer

    names = {word(i, marks): i for i in range(size)}
    names["<unk>"] = size
    made = Tokenizer(models.WordLevel(names, unk_token=unknown))
    # words that a collator joins without a space between them are read one by one
    apart = pre_tokenizers.Split(Regex(r"t[0-9]+|</s>|<pad>"), behavior="isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), apart])
    whole = ChatTokenizer(
        tokenizer_object=made,
        eos_token=END,
        pad_token=word(marks.pad, marks),
        unk_token=unknown,
        model_max_length=LONGEST,
        clean_up_tokenization_spaces=False,
    )
    whole.chat_template = TEMPLATE
    return whole


def word(token: int, marks: Marks) -> str:
    """Return how a token is written."""
    if token == marks.eos:
        return END
    return PAD if token == marks.pad else f"t{token}"


def written(ids: Sequence[int], marks: Marks) -> str:
    """Return a text that the tokenizer reads as these ids."""
    return " ".join(word(token, marks) for token in ids)
