from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sad import tiny
from sad.preflight.bench import Bench
from sad.preflight.coverage import coverage
from sad.preflight.finding import Level


def test_one_tokenizer_covers_everything(bench) -> None:
    boundaries, mass = coverage(bench(of=tiny.pair(320, 320)))
    assert boundaries.level is mass.level is Level.FINE
    assert boundaries.numbers == {"coverage": 1.0, "student_chunk": 1.0, "teacher_chunk": 1.0}
    assert mass.numbers["mass"] == 1.0


def test_two_tokenizers_have_longer_chunks(bench) -> None:
    boundaries, mass = coverage(bench())
    assert 0.5 < boundaries.numbers["coverage"] < 1
    assert boundaries.numbers["student_chunk"] > 1
    assert mass.numbers["mass"] == pytest.approx(1.0, abs=0.01)


def test_little_in_common_is_wrong_and_a_fresh_student_can_take_the_teachers_tokenizer(bench) -> None:
    """Most common boundaries are taken away: one label of eight is left."""
    made = bench({"student": {"model": "random:2x64", "tokenizer": "x"}, "teacher": {"model": "the-teacher"}})
    sparse = [replace(e, at_student=e.at_student[::8], at_teacher=e.at_teacher[::8]) for e in made.plan.train]
    poor = Bench(replace(made.plan, train=sparse))
    found = next(coverage(poor))
    assert found.level is Level.WRONG
    assert found.edits == {"student.tokenizer": "the-teacher"}
    assert found.numbers["student_chunk"] > 7


def test_mass_that_has_no_student_token_is_told(bench) -> None:
    """Half of the teacher's vocabulary leads nowhere."""
    made = bench()
    vocab = made.plan.pair.vocab
    vocab.index = torch.where(torch.from_numpy(np.arange(len(vocab.index)) % 2 == 0), vocab.index, -1)
    found = list(coverage(made))[1]
    assert found.level in (Level.WARNING, Level.WRONG)
    assert 0.2 < found.numbers["mass"] < 0.8
    assert found.advice
