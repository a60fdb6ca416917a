"""Texts as strings with their tokenizer, and as examples of ids, for evaluators that batch them themselves."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

from sad.judge.evaluators.batches import PAD, Form, Rows
from sad.judge.own_loaders import Collates

TOKENIZERS = ("tokenizer", "tok", "processing_class", "enc_tokenizer")
"""The names of a parameter that is one."""
TEXTS = ("texts", "sentences", "strings", "prompts", "documents", "docs", "lines", "corpus", "examples", "test_texts")
"""The names of a parameter that holds texts."""
SIZES = ("batch_size", "bs", "eval_batch_size", "per_device_eval_batch_size")
LONGEST = 64
"""Tokens that a text may have at the most: more than any here has."""


def tokenizer(size: int = PAD, longest: int = LONGEST) -> Any:  # noqa: ANN401 - no common type
    """Return a fast tokenizer of ``size`` words that writes token 7 as `t7`, and pads on the right with its end."""
    return copy.deepcopy(_made(size, longest))


@cache
def _made(size: int, longest: int) -> Any:  # noqa: ANN401
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({**{_word(i): i for i in range(size)}, _word(PAD): size}, unk_token=_word(PAD)))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    mark = _word(PAD)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=mark, pad_token=mark, unk_token=mark, model_max_length=longest
    )


def _word(token: int) -> str:
    return "</s>" if token == PAD else f"t{token}"


def written(rows: Rows) -> list[str]:
    """Return the texts of a batch as the tokenizer reads them."""
    return [" ".join(map(_word, ids[mask.bool()].tolist())) for ids, mask in zip(rows.ids, rows.mask, strict=True)]


def _ids(rows: Rows) -> list[dict[str, list[int]]]:
    kept = [ids[mask.bool()].tolist() for ids, mask in zip(rows.ids, rows.mask, strict=True)]
    return [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in kept]


class Columns(list[Any], Collates):
    """Examples whose columns are keys too, as in a data set: ``data["text"]``."""

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - an example, some of them, or a column
        return [one[key] for one in self] if isinstance(key, str) else super().__getitem__(key)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""
        return list(super().__getitem__(0)) if self else []


STRINGS = (
    Form("texts as strings, with their tokenizer", written, bare=True, flat=True),
    Form("a data set of dicts with text", lambda r: [{"text": one} for one in written(r)], bare=True, flat=True),
    Form("batches of dicts with text", lambda r: {"text": written(r)}, bare=True),
    Form("batches of texts as strings", written, bare=True),
    Form("a data set of dicts with input_ids and attention_mask", _ids, bare=True, flat=True),
)
"""Tried first where an evaluator takes a tokenizer."""


def flat(form: Form, batches: Sequence[Rows]) -> Any:  # noqa: ANN401 - strings or dicts
    """Return the texts of all batches one after another; how many are read at once is a number beside them."""
    return Columns(one for rows in batches for one in form.make(rows))


def size(batches: Sequence[Rows]) -> int:
    """Return how many texts are read at once: as many as the first batch has."""
    return len(batches[0].ids)
