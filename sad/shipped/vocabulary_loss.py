"""The vocabulary map and the distillation term, as a loss between two heads."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from sad.align import vocab
from sad.align.reader import Reader
from sad.head.linear import IDENTITY
from sad.head.target import Live
from sad.head.vocabulary import Compared, vocabulary_pass
from sad.subjects.vocabulary import Heads, VocabularyLoss


def vocabulary_loss() -> VocabularyLoss:
    """Return the distillation term over the map between two tokenizers, summed over places."""
    return VocabularyLoss(_loss, across=True, spelled=True)


def _loss(heads: Heads) -> Tensor:
    mapped = vocab.VocabMap(_reader(heads.student_tokenizer), _reader(heads.teacher_tokenizer))
    every = torch.arange(len(heads.student_logits))
    compared = Compared(Live(heads.teacher_logits, IDENTITY, mapped), every, mapped.student_size)
    return vocabulary_pass(heads.student_logits, IDENTITY, None, compared).kd


@cache
def _reader(tokenizer: Any) -> Reader:  # noqa: ANN401 - transformers' tokenizers have no common type
    return Reader(tokenizer)
