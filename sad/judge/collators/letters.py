"""A tokenizer that reads any template: a word of a text is one token, and so is each letter of all other words."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from sad.invariants._models import VOCABULARY
from sad.judge.collators.words import END, TEMPLATE, word
from sad.subjects.text_loss import Marks

BEGIN, UNKNOWN = "<s>", "<unk>"
LONGEST = 2048
"""Tokens that a text with its template may have at the most."""
BEGINS = VOCABULARY + 1
"""The id of the begin mark."""
FIRST, LAST = 33, 126
"""The letters that have tokens of their own: those of ASCII that can be seen. All others are one unknown word."""


def tokenizer(marks: Marks, side: str = "right", longest: int = LONGEST, *, begins: bool = False) -> Any:  # noqa: ANN401 - no common type
    """Return a fast tokenizer that pads on ``side``; with ``begins`` it puts a begin mark before each text."""
    made = copy.deepcopy(_made(marks, begins))
    made.padding_side, made.model_max_length = side, longest
    # what llama's and GLM's tokenizers have, and code for them reads
    made.legacy = True
    return made


@cache
def _made(marks: Marks, begins: bool) -> Any:  # noqa: ANN401 - a cached function's arguments
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    from sad.judge.collators.chats import ChatTokenizer

    names = {word(i, marks): i for i in range(VOCABULARY)}
    for one in (UNKNOWN, BEGIN, *map(chr, range(FIRST, LAST + 1))):
        names[one] = len(names)
    made = Tokenizer(models.WordLevel(names, unk_token=UNKNOWN))
    apart = pre_tokenizers.Split(Regex(r"(?<![A-Za-z])t[0-9]+|</s>|<pad>|<s>|\S"), behavior="isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), apart])
    if begins:
        made.post_processor = processors.TemplateProcessing(
            single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN} $B", special_tokens=[(BEGIN, names[BEGIN])]
        )
    whole = ChatTokenizer(
        tokenizer_object=made,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=word(marks.pad, marks),
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
    )
    whole.chat_template = TEMPLATE
    return whole
