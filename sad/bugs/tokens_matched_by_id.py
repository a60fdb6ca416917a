"""Tokens of two tokenizers are matched by id

## Symptom
None, where the heads have one size, or one is cut to the other. The divergence has a value and falls; the student's
language-model loss stays where it is, or rises.

## Mechanism
Row i of the teacher's head is compared with row i of the student's. Between two tokenizers an id means nothing: the
student is taught to say whatever stands at that number in its own table. The special tokens and the bytes at the
beginning often agree, so a part of it is right.

## What its documented fix did
The first one made the shapes fit: the larger head is cut to the smaller, or the smaller is filled up. The next asks
whether the sizes are equal, and takes two tokenizers of one size for one: Llama 2 and Mistral 7B have 32,000 each.

## Fix
Tokens are matched by the bytes that they stand for, and two tokenizers are one only where all that decides a reading
is equal (`sad/align/vocab.py`, `tokenizer_fingerprint` in `sad/align/token_bytes.py`).

## Source
arcee-ai/DistillKit, 7 and 29; huggingface/trl 4562; rakeshb49/student_aware_distillation, utils/evaluation.py.
"""

from __future__ import annotations

from sad.bug import Bug
from sad.invariants.objective_matches_the_texts import objective_matches_the_texts
from sad.shipped.objective import shipped_objective
from sad.subjects.objective import Learner, Task
from sad.subjects.plain.objective import PlainObjective


class _ById(PlainObjective):
    """The larger table cut to the smaller."""

    def carried(self, task: Task) -> list[int | None]:
        size = len(task.student_tokenizer)
        return [token if token < size else None for token in range(len(task.teacher_tokenizer))]


class _BySize(PlainObjective):
    """By bytes, unless the sizes agree."""

    def same(self, mine: object, theirs: object) -> bool:
        return len(mine) == len(theirs)  # type: ignore[arg-type]


def buggy() -> Learner:
    """Row i with row i."""
    return _ById()


def one_size_is_one_tokenizer() -> Learner:
    """Equal sizes are taken for equal tokenizers."""
    return _BySize()


BUG = Bug(
    "V113",
    "tokens-matched-by-id",
    __doc__,
    (objective_matches_the_texts,),
    buggy,
    shipped_objective,
    {"one size is one tokenizer": one_size_is_one_tokenizer},
)
