"""The vocabulary map and the distillation term, as a loss between two heads."""

from __future__ import annotations

from functools import cache
from typing import Any

from torch import Tensor

from sad.align import vocab
from sad.align.reader import Reader
from sad.losses import kd
from sad.subjects.vocabulary import Heads, VocabularyLoss


def vocabulary_loss() -> VocabularyLoss:
    """Return the distillation term over the map between two tokenizers, summed over places."""
    return VocabularyLoss(_loss, across=True, spelled=True)


def _loss(heads: Heads) -> Tensor:
    mapped = vocab.VocabMap(_reader(heads.student_tokenizer), _reader(heads.teacher_tokenizer))
    return kd.forward_kl(mapped.restrict(heads.student_logits), mapped.project(heads.teacher_logits)).total


@cache
def _reader(tokenizer: Any) -> Reader:  # noqa: ANN401 - transformers' tokenizers have no common type
    return Reader(tokenizer)
