"""The plain loop with its weights in pieces does what it does with them whole."""

from __future__ import annotations

import pytest
import torch

from sad.invariants.split_invariance import split_invariance
from sad.subjects.plain.fsdp_loop import FsdpLoop
from sad.subjects.plain.loop import VOCABULARY, PlainLoop
from sad.subjects.trainer import Setup

SETUP = Setup((4, 30, 9, 18, 2, 7), micro_batch=1, accumulation=2, devices=2, epochs=2, learning_rate=0.5, clip=0.1)


def test_it_has_the_property_of_a_trainer() -> None:
    verdict = split_invariance(FsdpLoop())
    assert verdict.holds, verdict.says


def test_it_takes_the_steps_of_the_simulated_processes_and_saves_what_they_end_with() -> None:
    pieces, simulated = FsdpLoop().run(SETUP), PlainLoop().run(SETUP)
    assert len(pieces.taken) == len(simulated.taken) == 4
    for left, right in zip(pieces.taken, simulated.taken, strict=True):
        torch.testing.assert_close(left.gradient, right.gradient, rtol=1e-10, atol=1e-14)
        torch.testing.assert_close(left.change, right.change, rtol=1e-10, atol=1e-14)
    for ours, theirs in zip(pieces.log, simulated.log, strict=True):
        assert ours.grad_norm == pytest.approx(theirs.grad_norm, rel=1e-10)
    torch.testing.assert_close(pieces.saved["weight"].flatten(), simulated.ends[0], rtol=1e-10, atol=1e-14)


def test_each_process_has_a_piece_and_alone_all() -> None:
    found = FsdpLoop().run(SETUP).held
    assert found == [4 * VOCABULARY, 3 * VOCABULARY]
    assert FsdpLoop().run(Setup((3, 4))).held == [VOCABULARY**2]
