"""The embedded pair: a tiny teacher that was really trained, a student's shape, and their text. Works offline.

The text is the King James Bible (1611, public domain), a chapter a document. The teacher has read every chapter but
the held-out ones; the student gets an eighth of them. ``fixtures/embedded/build.py`` rebuilds all of it, and
docs/embedded-pair.md says what it scores.
"""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent

TEACHER = _HERE / "teacher"
"""Folder of the teacher with its tokenizer, in Hugging Face format."""

STUDENT_TOKENIZER = _HERE / "student"
"""Folder of the student's tokenizer; its weights are made from the recipe's seed."""

TEXT = _HERE / "text" / "king_james.txt.xz"

HELD_OUT = range(20, 1189, 80)
"""Chapters that neither model is trained on: fifteen from all over the book, none the twin of another chapter."""

STUDENT = range(3, 1189, 8)
"""Chapters that the student is trained on."""


@cache
def chapters() -> tuple[str, ...]:
    """Return the 1,189 chapters in order, a verse a line."""
    return tuple(lzma.decompress(TEXT.read_bytes()).decode("ascii").rstrip("\n").split("\n\n"))


def train_text() -> list[str]:
    """Return the documents that the student learns from."""
    return [chapters()[i] for i in STUDENT]


def held_out_text() -> list[str]:
    """Return the documents that both models are scored on, and that neither has seen."""
    return [chapters()[i] for i in HELD_OUT]


def teacher_text() -> list[str]:
    """Return the documents that the teacher was trained on: all but the held-out ones."""
    return [text for i, text in enumerate(chapters()) if i not in HELD_OUT]


def student_config() -> dict[str, object]:
    """Return the student's shape, as arguments of a Llama configuration."""
    return {
        "num_hidden_layers": 2,
        "hidden_size": 96,
        "intermediate_size": 256,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
    }
