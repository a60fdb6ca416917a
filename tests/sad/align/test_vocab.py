"""The map from the teacher's tokens to the student's: by bytes, never by id; a distribution stays one."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sad import tiny
from sad.align.reader import Reader
from sad.align.vocab import UNMAPPED, VocabMap
from sad.losses.kd import forward_kl


def permuted(reader: Reader, seed: int = 0) -> tuple[Reader, Tensor]:
    """Return a tokenizer with the same tokens under other ids, and the new id of each old one."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    new_id = np.random.default_rng(seed).permutation(reader.size)
    rules = json.loads(reader.tokenizer.backend_tokenizer.to_str())
    rules["model"]["vocab"] = {token: int(new_id[i]) for token, i in rules["model"]["vocab"].items()}
    for added in rules["added_tokens"]:
        added["id"] = int(new_id[added["id"]])
    marks = {name: getattr(reader.tokenizer, name) for name in ("bos_token", "eos_token", "pad_token")}
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(rules)), **marks)
    return Reader(made), torch.from_numpy(new_id)


def logits(rows: int, size: int, seed: int = 0, sharpness: float = 4.0) -> Tensor:
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(seed)) * sharpness


@pytest.fixture(params=["byte-level", "fewer tokens", "sentencepiece", "from sentencepiece", "folding"])
def readers(request: pytest.FixtureRequest, sentencepiece: Reader, folding: Reader) -> tuple[Reader, Reader]:
    big, small = tiny.reader(400), tiny.reader(320)
    return {
        "byte-level": (big, small),
        "fewer tokens": (small, big),
        "sentencepiece": (sentencepiece, big),
        "from sentencepiece": (small, sentencepiece),
        "folding": (folding, big),
    }[request.param]


def test_one_tokenizer_maps_to_itself_to_the_last_bit() -> None:
    reader = tiny.reader(400)
    vocab = VocabMap(reader, Reader(tiny.tokenizer(400)))
    some = logits(7, reader.size)
    assert vocab.identity
    assert vocab.mapped == 1.0
    assert torch.equal(vocab.index, torch.arange(reader.size))
    for temperature in (1.0, 2.5):
        assert torch.equal(vocab.project(some, temperature), torch.log_softmax(some / temperature, -1))
    assert torch.equal(vocab.mass(some), torch.ones(7))


def test_equal_sizes_prove_nothing() -> None:
    reader = tiny.reader(320)
    other, _ = permuted(reader)
    assert other.size == reader.size
    assert not VocabMap(other, reader).identity


def test_the_same_tokens_under_other_ids_are_found_by_their_bytes() -> None:
    reader = tiny.reader(320)
    other, new_id = permuted(reader)
    index = VocabMap(other, reader).index
    tokens = [i for i, spelled in enumerate(reader.bytes) if spelled]
    assert len(tokens) > 300
    assert torch.equal(index[tokens], new_id[tokens])
    assert index[reader.eos] == new_id[reader.eos]


def test_permuting_the_students_vocabulary_does_not_change_kd() -> None:
    student, teacher = tiny.reader(320), tiny.reader(400)
    other, new_id = permuted(student)
    mine, theirs = logits(9, student.size, 1), logits(9, teacher.size, 2)
    moved = torch.empty_like(mine)
    moved[:, new_id] = mine
    plain, permuted_map = VocabMap(student, teacher), VocabMap(other, teacher)
    assert torch.equal(new_id[plain.index[plain.index != UNMAPPED]], permuted_map.index[plain.index != UNMAPPED])
    torch.testing.assert_close(
        forward_kl(mine, plain.project(theirs)).total, forward_kl(moved, permuted_map.project(theirs)).total
    )


def test_permuting_the_teachers_vocabulary_does_not_change_the_target() -> None:
    student, teacher = tiny.reader(320), tiny.reader(400)
    other, new_id = permuted(teacher)
    theirs = logits(9, teacher.size, 4)
    moved = torch.empty_like(theirs)
    moved[:, new_id] = theirs
    expected, found = VocabMap(student, teacher).project(theirs), VocabMap(student, other).project(moved)
    torch.testing.assert_close(found, expected)


def test_padding_rows_of_either_head_change_nothing() -> None:
    student, teacher = tiny.reader(320), tiny.reader(400)
    for vocab in (VocabMap(student, teacher), VocabMap(teacher, teacher)):
        theirs = logits(5, teacher.size, 5)
        padded = torch.cat([theirs, torch.full((5, 64), 1e4)], 1)
        assert torch.equal(vocab.project(theirs), vocab.project(padded))
        assert torch.equal(vocab.mass(theirs), vocab.mass(padded))
        mine = logits(5, vocab.student_size + 11, 6)
        assert torch.equal(vocab.restrict(mine), mine[:, : vocab.student_size])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_projected_is_a_distribution_over_the_students_tokens(
    readers: tuple[Reader, Reader], temperature: float
) -> None:
    student, teacher = readers
    vocab = VocabMap(student, teacher)
    found = vocab.project(logits(6, teacher.size, 7), temperature)
    assert found.shape == (6, student.size)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(6))


def test_projected_adds_up_the_mass_of_all_tokens_that_go_to_one(readers: tuple[Reader, Reader]) -> None:
    student, teacher = readers
    vocab = VocabMap(student, teacher)
    theirs = logits(2, teacher.size, 8)
    p = torch.softmax(theirs.double(), -1)
    expected = torch.zeros(2, student.size, dtype=torch.float64)
    for token, goes_to in enumerate(vocab.index.tolist()):
        if goes_to != UNMAPPED:
            expected[:, goes_to] += p[:, token]
    torch.testing.assert_close(vocab.mass(theirs).double(), expected.sum(-1), rtol=1e-5, atol=1e-6)
    normalised = expected / expected.sum(-1, keepdim=True)
    torch.testing.assert_close(vocab.project(theirs).exp().double(), normalised, rtol=1e-4, atol=1e-7)


def test_mass_is_a_share(readers: tuple[Reader, Reader]) -> None:
    student, teacher = readers
    mass = VocabMap(student, teacher).mass(logits(20, teacher.size, 9, 8.0))
    assert float(mass.min()) >= 0.0
    assert float(mass.max()) <= 1.0 + 1e-6


def test_a_token_goes_to_one_that_begins_its_bytes(readers: tuple[Reader, Reader]) -> None:
    student, teacher = readers
    index = VocabMap(student, teacher).index.tolist()
    roles = {teacher.tokenizer.eos_token_id, teacher.tokenizer.bos_token_id}
    for token, (spelled, goes_to) in enumerate(zip(teacher.bytes, index, strict=True)):
        if token in roles or goes_to == UNMAPPED:
            continue
        assert spelled
        assert spelled.startswith(student.bytes[goes_to] or b"?"), (spelled, student.bytes[goes_to])


def test_where_the_student_can_read_a_token_alone_it_is_the_first_it_reads() -> None:
    student, teacher = tiny.reader(320), tiny.reader(400)
    index = VocabMap(student, teacher).index.tolist()
    seen = 0
    for spelled, goes_to in zip(teacher.bytes, index, strict=True):
        try:
            text = (spelled or b"").decode()
        except UnicodeDecodeError:
            continue
        if text:
            seen += 1
            assert goes_to == int(student.read([text])[0].ids[0])
    assert seen > 200


def test_marks_go_by_their_role(sentencepiece: Reader) -> None:
    teacher = tiny.reader(400)
    index = VocabMap(sentencepiece, teacher).index
    assert index[teacher.eos] == sentencepiece.eos
    assert index[teacher.tokenizer.pad_token_id] == UNMAPPED


def test_every_byte_finds_a_place_where_the_student_has_byte_tokens(sentencepiece: Reader) -> None:
    index = VocabMap(sentencepiece, tiny.reader(400)).index
    unmapped = [tiny.reader(400).bytes[i] for i in (index == UNMAPPED).nonzero().squeeze(1).tolist()]
    assert unmapped == [None]


def test_all_mass_on_a_token_without_a_place_is_no_nan() -> None:
    teacher = tiny.reader(400)
    vocab = VocabMap(tiny.reader(320), teacher)
    theirs = torch.full((2, teacher.size), -500.0)
    theirs[:, teacher.tokenizer.pad_token_id] = 500.0
    assert vocab.mass(theirs).tolist() == [0.0, 0.0]
    projected = vocab.project(theirs)
    assert not bool(projected.isnan().any())
    assert math.isfinite(float(forward_kl(logits(2, tiny.reader(320).size), projected).total))


def test_a_teacher_that_is_not_a_number_shows_in_its_projection() -> None:
    vocab = VocabMap(tiny.reader(320), tiny.reader(448))
    assert not vocab.identity
    theirs = logits(3, tiny.reader(448).size)
    theirs[1, 7] = math.nan
    theirs[2] = -math.inf
    assert vocab.scores(theirs).isnan().any(-1).tolist() == [False, True, True]
    assert vocab.project(theirs).isnan().all(-1).tolist() == [False, True, True]
