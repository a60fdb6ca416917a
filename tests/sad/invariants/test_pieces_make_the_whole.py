"""Each fault of weights in pieces is found, and named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from sad.invariants.pieces_make_the_whole import PIECES, pieces_make_the_whole
from sad.subjects.plain.ddp_loop import DdpLoop
from sad.subjects.plain.fsdp_loop import FsdpLoop
from sad.subjects.plain.loop import KD, Process
from sad.subjects.trainer import Setup, Trace


def test_a_loop_that_does_everything_right_has_it() -> None:
    verdict = pieces_make_the_whole(FsdpLoop())
    assert verdict.holds, verdict.says
    assert verdict.says.startswith("28 + 21 weights of 49: ")
    assert verdict.numbers["apart"] < 1e-14


class Whole(DdpLoop):
    """Each process holds everything."""

    def run_alone(self, setup: Setup) -> Trace:
        return replace(super().run_alone(setup), saved={"weight": torch.zeros(7, 7)})


class Halved(FsdpLoop):
    def backward(self, process: Process, loss: Tensor) -> None:
        super().backward(process, loss / self.setup.processes)


class OneRow(FsdpLoop):
    """The first row of the piece of one process gets no gradient."""

    def clip(self, process: Process) -> float:
        norm = super().clip(process)
        grad = process.model.weight.grad
        if isinstance(grad, DTensor) and not self.is_first():
            grad.to_local()[0] = 0.0
        return norm


class Logs(FsdpLoop):
    """Logs a part of the loss."""

    def raw(self) -> dict[str, float]:
        told = super().raw()
        return {**told, KD: told[KD] / self.setup.processes}


class Forgets(FsdpLoop):
    """Logs nothing of its last step."""

    def write(self, norm: float | None) -> None:
        super().write(norm)
        if self.setup.processes > 1 and self.step + 1 == self.setup.steps:
            self.log.pop()


class Scores(FsdpLoop):
    def score(self) -> float:
        return super().score() / self.setup.processes


class Renamed(FsdpLoop):
    def saved(self) -> Mapping[str, Tensor]:
        names = "weight" if self.setup.processes == 1 else "module.weight"
        return {names: super().saved()["weight"]}


class Early(FsdpLoop):
    """Saves what it had before the last step."""

    def update(self) -> None:
        self.kept = dict(super().saved())
        super().update()

    def saved(self) -> Mapping[str, Tensor]:
        return super().saved() if self.setup.processes == 1 else self.kept


class Still(FsdpLoop):
    """Learns nothing, in pieces and whole."""

    def backward(self, process: Process, loss: Tensor) -> None:
        super().backward(process, 0.0 * loss)


class NeverSaves(FsdpLoop):
    def saved(self) -> Mapping[str, Tensor]:
        return {}


@pytest.mark.parametrize(
    ("loop", "says"),
    [
        (Whole, "of 49 weights the processes hold [49, 49]: they are not in pieces"),
        (Halved, "step 1: gradient norm 0.1731 in pieces, 0.3462 whole"),
        (OneRow, "step 1: gradient"),
        (Logs, "step 1: loss"),
        (Forgets, "4 steps, 3 of them logged, and 2 evaluations in pieces, 4 steps, 4 of them logged, and 2"),
        (Scores, "evaluation 1 scores"),
        (Renamed, "1 matrices are saved instead of 1: not module.weight"),
        (Early, "weight is saved"),
        (Still, "one process moves no weight: beside it nothing is shown"),
        (NeverSaves, "one process takes 4 of 4 steps, or saves nothing"),
    ],
)
def test_each_fault_is_found(loop: type[DdpLoop], says: str) -> None:
    verdict = pieces_make_the_whole(loop())
    assert not verdict.holds
    assert says in verdict.says


def test_every_step_is_clipped() -> None:
    for taken in FsdpLoop().run(PIECES).taken:
        assert float(taken.gradient.norm()) == pytest.approx(PIECES.clip, rel=1e-3)
