"""The embedded pair is what its page says: offline, small, honest."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sad import embedded, pair
from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.data import Readers, collate, examples
from sad.distiller import Distiller
from sad.evaluate import likelihood
from sad.recipe.schema import Recipe
from sad.recipe.terms import Terms

FOLDER = Path(embedded.__file__).parent
PROVENANCE = json.loads((FOLDER / "provenance.json").read_text())


@pytest.fixture(scope="module")
def readers() -> Readers:
    return Readers(
        student=Reader(pair.load_tokenizer(str(embedded.STUDENT_TOKENIZER))),
        teacher=Reader(pair.load_tokenizer(str(embedded.TEACHER))),
    )


def runs_of_words(text: str, length: int) -> list[tuple[str, ...]]:
    words = re.findall(r"[a-z']+", text.lower())
    return [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]


def test_every_chapter_is_held_out_or_the_teachers():
    held, teachers = embedded.held_out_text(), embedded.teacher_text()
    assert len(held) + len(teachers) == len(embedded.chapters()) == 1189
    assert set(held).isdisjoint(teachers)
    assert 30_000 < sum(map(len, held)) < 60_000


def test_the_student_learns_from_what_the_teacher_has_read():
    assert set(embedded.train_text()) <= set(embedded.teacher_text())
    assert 300_000 < sum(map(len, embedded.train_text())) < 600_000


def test_held_out_text_is_not_in_the_training_text_in_other_words():
    # the books repeat and quote each other: a chapter can be new and its sentences known
    known = {run for text in embedded.teacher_text() for run in runs_of_words(text, 12)}
    share = {}
    for chapter in embedded.held_out_text():
        runs = runs_of_words(chapter, 12)
        share[chapter.split("\n")[0]] = sum(run in known for run in runs) / len(runs)
    assert sum(share.values()) / len(share) < 0.01
    assert max(share.values()) < 0.10


def test_no_run_of_twelve_words_is_in_both_the_students_text_and_the_held_out():
    known = {run for text in embedded.train_text() for run in runs_of_words(text, 12)}
    assert known.isdisjoint(run for text in embedded.held_out_text() for run in runs_of_words(text, 12))


def test_provenance_names_the_text_that_is_shipped():
    assert hashlib.sha256(embedded.TEXT.read_bytes()).hexdigest() == PROVENANCE["text_sha256"]


def test_it_is_small():
    assert sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()) < 6_000_000
    assert (embedded.TEACHER / "model.safetensors").stat().st_size < 4_000_000
    assert embedded.TEXT.stat().st_size < 1_300_000


@pytest.mark.parametrize("folder", [embedded.TEACHER, embedded.STUDENT_TOKENIZER])
def test_tokenizers_give_any_text_back(folder: Path):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in (embedded.held_out_text()[3], "  two  spaces\n\n\ttab 1923", "Grüße, мир, 世界 🙂"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer.bos_token == tokenizer.eos_token == "<|endoftext|>"
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)


def test_tokenizers_differ_in_size_and_in_where_they_cut(readers: Readers):
    assert (readers.teacher.size, readers.student.size) == (2048, 768)
    texts = embedded.held_out_text()
    mine = theirs = both = 0
    for student, teacher in zip(readers.student.read(texts), readers.teacher.read(texts), strict=True):
        ends, others = set(student.ends.tolist()), set(teacher.ends.tolist())
        mine, theirs, both = mine + len(ends), theirs + len(others), both + len(ends & others)
    assert mine > 1.2 * theirs
    assert 0.5 < both / mine < 0.85
    assert both / theirs > 0.95


def test_student_is_smaller_than_the_teacher_in_every_way():
    config, teacher = embedded.student_config(), json.loads((embedded.TEACHER / "config.json").read_text())
    for key in ("num_hidden_layers", "hidden_size", "intermediate_size"):
        assert config[key] < teacher[key]


def test_teacher_is_an_ordinary_folder_of_finite_weights():
    model = AutoModelForCausalLM.from_pretrained(embedded.TEACHER, dtype=torch.float32)
    assert all(p.isfinite().all() for p in model.parameters())
    assert model.config.vocab_size == len(AutoTokenizer.from_pretrained(embedded.TEACHER))


def test_teacher_scores_what_its_provenance_says(readers: Readers):
    recipe = Recipe()
    teacher = pair.load_teacher(recipe.teacher, torch.float32)
    student = pair.load_student(recipe, readers.student)
    distiller = Distiller(student, teacher, VocabMap(readers.student, readers.teacher), Terms())
    some = examples(embedded.held_out_text(), readers, 256)
    scored = likelihood(distiller, (collate(some[i : i + 16], readers) for i in range(0, len(some), 16)))
    # windows are cut in other places than in the building script
    assert scored.bits_per_byte == pytest.approx(PROVENANCE["held_out_bits_per_byte"], abs=0.02)
