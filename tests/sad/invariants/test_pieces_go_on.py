"""Each fault of a run in pieces that is taken up is found, and named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sad.invariants import pieces_go_on as module
from sad.invariants.pieces_go_on import TAKEN_UP, pieces_go_on
from sad.subjects.plain.fsdp_run import MOMENT, FsdpRun
from sad.subjects.plain.loop import Process


def test_a_loop_that_does_everything_right_has_it() -> None:
    verdict = pieces_go_on(FsdpRun())
    assert verdict.holds, verdict.says
    assert verdict.says.startswith("saved by 2 processes, taken up by 1, 2, 4: within ")
    assert verdict.numbers["apart"] < 1e-14


class Begins(FsdpRun):
    """Begins anew, from the first weights."""

    def load(self, _folder: Path, process: Process) -> None:
        zeros = torch.zeros_like(process.model.weight.detach())
        process.optimizer.state[process.model.weight][MOMENT] = zeros


class Forgets(FsdpRun):
    """Takes up the weights alone."""

    def moment(self, _folder: Path, saved: Tensor) -> Tensor:
        return torch.zeros_like(saved)


class Again(FsdpRun):
    """Takes the steps that were taken before once more."""

    def epoch(self, batches) -> None:
        begun, self.start = self.start, 0
        super().epoch(batches)
        self.start = begun


class NeverSaves(FsdpRun):
    def saved(self) -> Mapping[str, Tensor]:
        return super().saved() if self.folder is not None else {}


@pytest.mark.parametrize(
    ("loop", "says"),
    [
        (Begins, "saved by 2 processes and taken up by 1: step 2: loss"),
        (Forgets, "saved by 2 processes and taken up by 1: step 3: loss"),
        (Again, "4 steps are taken, not 3"),
        (NeverSaves, "one process takes 4 of 4 steps, or saves nothing"),
    ],
)
def test_each_fault_is_found(monkeypatch: pytest.MonkeyPatch, loop: type[FsdpRun], says: str) -> None:
    monkeypatch.setattr(module, "TAKEN_UP", TAKEN_UP[:1])
    verdict = pieces_go_on(loop())
    assert not verdict.holds
    assert says in verdict.says


def test_one_that_stays_whole_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TAKEN_UP", TAKEN_UP[1:2])
    monkeypatch.setattr("sad.subjects.plain.fsdp_loop.fully_shard", lambda model, **_: model)
    assert "they are not in pieces" in pieces_go_on(FsdpRun()).says
