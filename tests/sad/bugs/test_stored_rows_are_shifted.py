"""Each fault of a store, planted in the one that trains, must be found."""

import numpy as np
import pytest
import torch

from sad.align.vocab import VocabMap
from sad.bugs.stored_rows_are_shifted import BUG
from sad.cache import layout, lists
from sad.cache.part import Records
from sad.shipped.stored_teacher import stored_teacher
from sad.verify.battery import run


@pytest.fixture(scope="module", autouse=True)
def asked_once():
    """What is asked of a store once in a process is asked before a fault is planted: else its own answer is found."""
    stored_teacher()


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert set(found.faulty) == {"the bug", *BUG.variants}
    assert "87.8486 nats, right 82.2173" in found.reproduced[0].says
    forgotten, of_the_teacher, unsoftened = (verdict.says for (verdict,) in found.variants.values())
    assert forgotten.startswith("4 tokens and the rest, one tokenizer, at T = 1")
    assert of_the_teacher.startswith("all tokens, ids in another order, at T = 1")
    assert unsoftened.startswith("all tokens, one tokenizer, at T = 2")


def test_rows_of_another_position_are_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    read = Records.of
    monkeypatch.setattr(Records, "of", lambda self, some: np.roll(read(self, some), 1, axis=0))
    assert "all tokens, one tokenizer, at T = 1, in order, one by one: " in found_in_the_code_that_trains(BUG)


def test_stale_offsets_are_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    read = Records.of
    # an example number that is one too high, of another length
    monkeypatch.setattr(
        Records, "of", lambda self, some: read(self, [(n + 1) % (len(self.part.offsets) - 1) for n in some])
    )
    assert "it raises the cache has 5 boundaries for a batch of 3" in found_in_the_code_that_trains(BUG)


def test_a_dropped_tail_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    decode = layout.Layout.decode

    def renormalised(self, records, device="cpu"):
        stored, blocks = decode(self, records, device)
        whole = [one.log_probs.logsumexp(dim=-1, keepdim=True) for one in stored.lists]
        made = [
            lists.TopK(one.ids, one.log_probs - w, torch.full_like(one.tail, -torch.inf), one.temperature)
            for one, w in zip(stored.lists, whole, strict=True)
        ]
        return layout.Stored(tuple(made), stored.mass), blocks

    monkeypatch.setattr(layout.Layout, "decode", renormalised)
    assert found_in_the_code_that_trains(BUG).startswith("4 tokens and the rest, one tokenizer, at T = 1")


def test_ids_of_the_teacher_are_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(VocabMap, "project", lambda _, logits, temperature: (logits / temperature).log_softmax(dim=-1))
    assert "ids in another order, at T = 1" in found_in_the_code_that_trains(BUG)


def test_another_temperature_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    project = VocabMap.project
    monkeypatch.setattr(VocabMap, "project", lambda self, logits, _=1.0: project(self, logits, 1.0))
    assert "one tokenizer, at T = 2" in found_in_the_code_that_trains(BUG)
