"""The embedded pair is what its page says: offline, small, honest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from sad import embedded, pair
from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.data import Readers, collate, examples
from sad.distiller import Distiller
from sad.evaluate import likelihood
from sad.recipe import Recipe, Terms

FOLDER = Path(embedded.__file__).parent
PROVENANCE = json.loads((FOLDER / "provenance.json").read_text())


@pytest.fixture(scope="module")
def readers() -> Readers:
    return Readers(
        student=Reader(pair.load_tokenizer(str(embedded.STUDENT_TOKENIZER))),
        teacher=Reader(pair.load_tokenizer(str(embedded.TEACHER))),
    )


def test_held_out_text_is_in_no_training_text():
    held = set(embedded.held_out_text())
    assert held.isdisjoint(embedded.train_text())
    assert held.isdisjoint(embedded.teacher_text())
    assert len(held) + len(embedded.teacher_text()) == len(embedded.chapters()) == 1189


def test_the_student_learns_from_what_the_teacher_has_read():
    assert set(embedded.train_text()) <= set(embedded.teacher_text())


def test_few_verses_of_the_held_out_chapters_stand_elsewhere():
    # the Kings and the Chronicles repeat each other: some verses do occur twice, and no more than that
    known = {verse for text in embedded.teacher_text() for verse in text.split("\n")}
    held = [verse for text in embedded.held_out_text() for verse in text.split("\n")]
    assert sum(verse in known for verse in held) / len(held) < 0.01


def test_provenance_names_the_text_that_is_shipped():
    assert hashlib.sha256(embedded.TEXT.read_bytes()).hexdigest() == PROVENANCE["text_sha256"]


def test_it_is_small():
    assert sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()) < 6_000_000


def test_tokenizers_differ_in_size_and_in_segmentation(readers: Readers):
    assert readers.teacher.size == 2048
    assert readers.student.size == 768
    text = embedded.held_out_text()[0]
    student, teacher = readers.student.read([text])[0], readers.teacher.read([text])[0]
    assert len(student.ids) > 1.15 * len(teacher.ids)
    assert student.ends[-1] == teacher.ends[-1] == len(text.encode())


def test_teacher_scores_what_its_provenance_says(readers: Readers):
    recipe = Recipe()
    teacher = pair.load_teacher(recipe.teacher, torch.float32)
    student = pair.load_student(recipe, readers.student)
    distiller = Distiller(student, teacher, VocabMap(readers.student, readers.teacher), Terms())
    some = examples(embedded.held_out_text(), readers, 256)
    scored = likelihood(distiller, (collate(some[i : i + 16], readers) for i in range(0, len(some), 16)))
    # windows are cut in other places than in the building script
    assert scored.bits_per_byte == pytest.approx(PROVENANCE["held_out_bits_per_byte"], abs=0.02)
