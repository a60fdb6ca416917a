from dataclasses import replace

import pytest
import torch.nn.functional as F

from sad import distiller, terms
from sad.bugs.teacher_states_interpolated import BUG
from sad.head.target import Live
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    (verdict,) = found.reproduced
    assert "together" in verdict.says
    assert verdict.numbers["off"] > 0.01


def stretched(batch, read):
    length = batch.student.input_ids.shape[1]
    at = batch.boundaries
    return F.interpolate(read.mT, size=length, mode="linear", align_corners=False).mT[at.row, at.student]


@pytest.mark.parametrize("what", ["blocks", "target"])
def test_states_stretched_in_the_code_that_trains_are_found(monkeypatch, found_in_the_code_that_trains, what):
    """Those of the blocks, and the last ones: stretched logits are logits of stretched states."""

    def teacher_output(batch, teacher, head, vocab, shipped=terms.teacher_output):
        right = shipped(batch, teacher, head, vocab)
        if what == "blocks":
            return replace(right, blocks={i: stretched(batch, states) for i, states in teacher.blocks.items()})
        return replace(right, target=Live(stretched(batch, teacher.hidden), head, vocab))

    monkeypatch.setattr(terms, "teacher_output", teacher_output)
    monkeypatch.setattr(distiller, "teacher_output", teacher_output)
    found_in_the_code_that_trains(BUG)
