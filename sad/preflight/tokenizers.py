"""Are the two tokenizers the same in all that decides how they read, and which path will be taken?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sad.align.reader import Reader
from sad.align.token_bytes import reading_rules, tokenizer_fingerprint
from sad.errors import UserError
from sad.pair import load_tokenizer
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, Level

TOPIC = "tokenizers"
SPARE_ROWS = 2048
"""Rows of an embedding beyond its tokenizer's last token that padding to a round number explains."""

PATHS = {
    "identical": "every position is compared, plain KD",
    "same with padded rows": "every position is compared, plain KD over the real tokens; padding rows get no mass",
    "overlapping": "compared at common byte boundaries, the teacher's mass carried over by the bytes of its tokens",
    "disjoint": "compared at common byte boundaries, each teacher token carried to the first student token of it",
}
"""How a pair of each kind is compared."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How two tokenizers stand to each other.

    ``shared`` is the share of the teacher's tokens whose bytes are a token of the student's; ``moved`` the share of
    the ids that both have and that stand for other bytes; ``differ`` names the parts that differ.
    """

    kind: str
    shared: float
    moved: float
    differ: tuple[str, ...]


def tokenizers(bench: Bench) -> Iterator[Finding]:
    """Judge identity, sizes, marks, and whether each tokenizer is its model's own."""
    pair = bench.plan.pair
    student, teacher = pair.readers.student, pair.readers.teacher
    rows = {name: _rows(getattr(pair, name)) for name in ("student", "teacher")}
    found = compare(student, teacher, rows["student"], rows["teacher"])
    same = student.fingerprint == teacher.fingerprint
    sizes = f"{student.size:,} tokens" if same else f"student {student.size:,} tokens, teacher {teacher.size:,}"
    told = f"; they differ in {', '.join(found.differ)}" if found.differ else ""
    overlap = "" if same else f", {found.shared:.0%} of the teacher's tokens are the student's too"
    numbers = {"shared": found.shared, "moved": found.moved, "student": student.size, "teacher": teacher.size}
    yield Finding(
        TOPIC, Level.FINE, f"{found.kind}: {sizes}{overlap}{told}. Path: {PATHS[found.kind]}", numbers=numbers
    )
    if not same and (student.size == teacher.size or rows["student"] == rows["teacher"]):
        yield Finding(
            TOPIC,
            Level.WARNING,
            f"equal sizes ({student.size:,} tokens), yet not one tokenizer: {found.moved:.0%} of the ids mean other "
            "bytes. Here tokens are matched by their bytes; code that matches ids would train on noise",
            numbers=numbers,
        )
    yield from _own(bench)
    yield from _spare("student", student, rows["student"])
    yield from _spare("teacher", teacher, rows["teacher"])
    yield _marks(student, teacher)


def compare(student: Reader, teacher: Reader, student_rows: int, teacher_rows: int) -> Identity:
    """Compare two tokenizers part by part; rows are those of the models' embeddings."""
    differ = tuple(_differences(student, teacher))
    spelled = {b for b in student.bytes if b}
    texts = [b for b in teacher.bytes if b]
    common = [b for b in texts if b in spelled]
    both = min(student.size, teacher.size)
    moved = sum(s != t for s, t in zip(student.bytes, teacher.bytes, strict=False)) / max(1, both)
    shared = len(common) / max(1, len(texts))
    if student.fingerprint == teacher.fingerprint:
        padded = student_rows != teacher_rows or student_rows > student.size
        return Identity("same with padded rows" if padded else "identical", 1.0, 0.0, differ)
    kind = "overlapping" if any(len(b) > 1 for b in common) else "disjoint"
    return Identity(kind, shared, moved, differ)


def _differences(student: Reader, teacher: Reader) -> Iterator[str]:
    mine, theirs = reading_rules(student.tokenizer), reading_rules(teacher.tokenizer)
    yield from (name for name, get in _PARTS.items() if get(mine) != get(theirs))
    if student.tokenizer.chat_template != teacher.tokenizer.chat_template:
        yield "chat template"
    for name, mark in (("EOS id", "eos_token_id"), ("pad id", "pad_token_id")):
        a, b = getattr(student.tokenizer, mark), getattr(teacher.tokenizer, mark)
        if a != b:
            yield f"{name} ({_none(a)}, {_none(b)})"
    if student.prefix != teacher.prefix:
        yield f"marks before a text ({len(student.prefix)}, {len(teacher.prefix)})"


_PARTS: dict[str, Any] = {
    "vocabulary": lambda rules: rules["model"].get("vocab"),
    "merges": lambda rules: rules["model"].get("merges"),
    "model": lambda rules: {k: v for k, v in rules["model"].items() if k not in ("vocab", "merges")},
    "normaliser": lambda rules: rules["normalizer"],
    "pre-tokenizer": lambda rules: rules["pre_tokenizer"],
    "special tokens": lambda rules: rules["added_tokens"],
}


def _own(bench: Bench) -> Iterator[Finding]:
    """A tokenizer that the recipe names must be the one that the model was trained with, if it has one beside it."""
    recipe, readers = bench.plan.recipe, bench.plan.pair.readers
    for name, part, reader in (
        ("teacher", recipe.teacher, readers.teacher),
        ("student", recipe.student, readers.student),
    ):
        fresh = name == "student" and (part.model.startswith("random:") or part.model == "embedded")
        if part.tokenizer is None or fresh:
            continue
        try:
            beside = tokenizer_fingerprint(load_tokenizer(part.model))
        except (UserError, ValueError):
            continue
        if beside != reader.fingerprint:
            yield Finding(
                TOPIC,
                Level.WRONG,
                f"the {name} is read with {part.tokenizer}, which is not the tokenizer beside {part.model}: "
                "its embedding was trained on other ids",
                edits={f"{name}.tokenizer": None},
            )


def _spare(name: str, reader: Reader, rows: int) -> Iterator[Finding]:
    spare = rows - reader.size
    if spare > max(SPARE_ROWS, rows // 10):
        yield Finding(
            TOPIC,
            Level.WARNING,
            f"the {name}'s embedding has {rows:,} rows and its tokenizer {reader.size:,} tokens: {spare:,} rows more "
            "than padding explains",
            advice=f"make sure that {name}.tokenizer is the one that the model was trained with",
            numbers={"rows": rows, "tokens": reader.size},
        )


def _marks(student: Reader, teacher: Reader) -> Finding:
    lacks = [name for name, reader in (("student", student), ("teacher", teacher)) if reader.eos is None]
    if lacks:
        return Finding(
            TOPIC,
            Level.WARNING,
            f"the tokenizer of the {' and the '.join(lacks)} has no EOS: no end of a text is trained, the student "
            "will not stop by itself",
            advice="set eos_token in its tokenizer_config.json",
        )
    pads = [n for n, r in (("student", student), ("teacher", teacher)) if r.pad == r.eos]
    same = f"; pad is EOS in the {' and the '.join(pads)}: labels go by length, so EOS is still learned" if pads else ""
    return Finding(TOPIC, Level.FINE, f"ends of texts are labels in both (EOS {student.eos}, {teacher.eos}){same}")


def _rows(model: Any) -> int:  # noqa: ANN401 - transformers' models have no common type
    return int(model.get_input_embeddings().weight.shape[0])


def _none(value: object) -> str:
    return "none" if value is None else str(value)
