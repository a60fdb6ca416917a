"""One passage of real text that two real tokenizers cut into 168 and 160 tokens, without their vocabularies."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

from sad.align.reader import Reader
from sad.data import Readers

_END = "<|endoftext|>"


@cache
def content() -> dict[str, Any]:
    """Return ``text``, its ``origin``, and the byte at which each token ends for ``smollm2`` and ``deepseek``."""
    found: dict[str, Any] = json.loads(resources.files("sad").joinpath("passage_168_160.json").read_text("utf-8"))
    return found


def text() -> str:
    """Return the passage."""
    return str(content()["text"])


@cache
def readers() -> Readers:
    """Return SmolLM2 as the student's and DeepSeek as the teacher's tokenizer, both cut down to this passage.

    They read the passage, and nothing else, as the real ones do: 168 and 160 tokens.
    """
    return Readers(student=_reader("smollm2"), teacher=_reader("deepseek"))


def _reader(name: str) -> Reader:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = list(dict.fromkeys(text()[start:end] for start, end in pairwise([0, *content()[name]])))
    longest_first = "|".join(re.escape(piece) for piece in sorted(pieces, key=len, reverse=True))
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    vocabulary = [_END, *(level.pre_tokenize_str(piece)[0][0] for piece in pieces)]
    made = Tokenizer(models.WordLevel({token: i for i, token in enumerate(vocabulary)}, unk_token=_END))
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(longest_first), "isolated"), level])
    made.decoder = decoders.ByteLevel()
    return Reader(PreTrainedTokenizerFast(tokenizer_object=made, eos_token=_END))
