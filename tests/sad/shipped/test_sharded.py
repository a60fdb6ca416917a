"""The loop that trains, with its weights in pieces."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sad.invariants.pieces_make_the_whole import PIECES, WHOLE, pieces_make_the_whole
from sad.shipped.sharded import sharded_trainer
from sad.train.processes import sharded


def test_it_has_the_property() -> None:
    verdict = pieces_make_the_whole(sharded_trainer())
    assert verdict.holds, verdict.says
    assert "4120 + 4120 weights of 8240" in verdict.says


def test_what_is_saved_is_the_checkpoint_and_the_exported_student() -> None:
    trace = sharded_trainer().run(replace(WHOLE, epochs=1))
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(trace.saved[f"exported {name}"], trace.saved[f"student.{name}"])
    assert {"moment 0/exp_avg", "moment 0/exp_avg_sq", "moment 0/step"} <= set(trace.saved)
    assert trace.held == [len(trace.ends[0])]


def test_a_student_that_stays_whole_shows_nothing(monkeypatch) -> None:
    monkeypatch.setattr(sharded, "shard_student", lambda *_, **__: None)
    assert "they are not in pieces" in pieces_make_the_whole(sharded_trainer()).says


def test_a_teacher_that_stays_whole_is_told_of(monkeypatch) -> None:
    monkeypatch.setattr("sad.train.processes.devices._in_pieces", lambda _: False)
    with pytest.raises(RuntimeError, match="the teacher is not in pieces"):
        sharded_trainer().run(replace(PIECES, epochs=1))


def test_a_teacher_whose_pieces_are_others_is_found(monkeypatch) -> None:
    """Its blocks are cut by what each process has of them, and one has something else."""
    cut = sharded.shard_teacher

    def other(teacher: torch.nn.Module, device: torch.device) -> None:
        cut(teacher, device)
        for piece in sharded.local(p for p in teacher.parameters() if hasattr(p, "to_local")):
            if torch.distributed.get_rank() == 1:
                piece.data.mul_(1.1)

    monkeypatch.setattr(sharded, "shard_teacher", other)
    assert "step 1: loss" in pieces_make_the_whole(sharded_trainer()).says
