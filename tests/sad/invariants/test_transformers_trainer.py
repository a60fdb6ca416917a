"""The trainer of the transformers library, as it is installed, has the properties; with one line of 2024 it has not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
import transformers
from accelerate.state import AcceleratorState

from sad import tiny
from sad.invariants.configuration_has_effect import configuration_has_effect
from sad.invariants.split_invariance import split_invariance
from sad.invariants.step_accounting import step_accounting
from sad.judge.steps.library import SCHEDULES, arguments_for
from sad.subjects.plain.loop import make_texts
from sad.subjects.trainer import Claims, Line, Setup, Trace, Watch, weights


def collate(some: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    longest = max(len(one["ids"]) for one in some)
    ids, labels = torch.zeros(len(some), longest, dtype=torch.long), torch.full((len(some), longest), -100)
    for row, one in enumerate(some):
        ids[row, : len(one["ids"])] = labels[row, : len(one["ids"])] = one["ids"]
    return {"input_ids": ids, "labels": labels, "texts": torch.tensor([one["text"] for one in some])}


class Told(transformers.Trainer):
    """Tells which texts it reads."""

    watch: Watch

    def compute_loss(self, model: Any, inputs: dict[str, Any], *given: Any, **named: Any) -> Any:
        for text in inputs.pop("texts").tolist():
            self.watch.read(text)
        return super().compute_loss(model, inputs, *given, **named)


class WithoutCount(Told):
    """The count of the window's labels does not reach the loss, as it was before 4.46."""

    def get_batch_samples(self, *given: Any, **named: Any) -> Any:
        batches, _ = super().get_batch_samples(*given, **named)
        return batches, None


class Library:
    """It behind the interface, on one process and a tiny Llama."""

    # what it logs it rounds to four digits
    claims = Claims(schedules=tuple(SCHEDULES), reshuffles=True, noise=3e-4)

    def __init__(self, kind: type[Told] = Told) -> None:
        self.kind = kind

    def run(self, setup: Setup) -> Trace:
        AcceleratorState._reset_state(reset_partial_state=True)
        with TemporaryDirectory() as folder, Watch() as watch:
            trainer = self._made(setup, Path(folder))
            trainer.watch = watch
            trainer.train()
        assert watch.optimizer is not None
        log = [
            Line(line["step"], line["loss"], grad_norm=line["grad_norm"])
            for line in trainer.state.log_history
            if "loss" in line
        ]
        AcceleratorState._reset_state(reset_partial_state=True)
        return Trace(watch.taken, log, [], [weights(watch.optimizer)])

    def _made(self, setup: Setup, folder: Path) -> Told:
        data: Any = [{"ids": ids, "text": text} for text, ids in enumerate(make_texts(setup.lengths))]
        return self.kind(
            tiny.model(7, layers=1, width=8, seed=0, sharpness=8.0), arguments_for(setup, folder), collate, data
        )


@pytest.mark.parametrize("invariant", [step_accounting, split_invariance, configuration_has_effect])
def test_it_is_left_alone(invariant: Any) -> None:
    verdict = invariant(Library())
    assert verdict.holds, verdict.says


def test_without_the_count_it_is_a_mean_of_means() -> None:
    verdict = split_invariance(Library(WithoutCount))
    assert not verdict.holds
    assert "away from that of one micro-batch" in verdict.says
    assert verdict.numbers["apart"] > 0.2
