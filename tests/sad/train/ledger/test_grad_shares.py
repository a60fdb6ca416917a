"""Shares of the gradient are those of a plain backward pass for each term, and leave no trace."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from sad import tiny
from sad.data import blank, collate
from sad.distiller import Distiller
from sad.objective import Objective
from sad.pair import Pair
from sad.train.ledger.grad_shares import grad_shares
from sad.train.ledger.measurements import due
from sad_doctor import names

TERMS = {"kd": {"temperature": 2.0}, "layerwise": {"weight": 0.3}, "contrastive": {"weight": 0.1}}


class Rig:
    def __init__(self, dropout: float = 0.0) -> None:
        AcceleratorState._reset_state()
        made = tiny.pair()
        student = tiny.model(320, layers=2, width=16, seed=2, attention_dropout=dropout)
        self.plan = tiny.plan({"terms": TERMS}, of=Pair(student, made.teacher, made.readers, made.vocab))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.distiller = Distiller(student, made.teacher, made.vocab, self.plan.recipe.terms).train()
        self.objective = Objective(dict(self.plan.recipe.terms.weights))
        self.batch = collate(self.plan.train[:3], self.plan.pair.readers)

    def shares(self, **of: Any) -> dict[str, float]:
        return grad_shares(Accelerator(cpu=True), self.distiller, self.objective, of.get("batch", self.batch))


def test_they_are_those_of_a_backward_pass_for_each_term() -> None:
    rig = Rig()
    norms = {}
    for name in rig.distiller.names:
        sums = rig.distiller(rig.batch, rig.distiller.ask_teacher(rig.batch))
        rig.distiller.zero_grad()
        (rig.objective.weights[name] * sums[name].total / sums[name].units).backward()
        found = [p.grad.double().flatten() for p in rig.distiller.student.parameters() if p.grad is not None]
        norms[name] = float(torch.cat(found).norm())
    rig.distiller.zero_grad(set_to_none=True)
    expected = {name: norm / sum(norms.values()) for name, norm in norms.items()}
    assert rig.shares() == pytest.approx(expected, rel=1e-4)
    assert sum(expected.values()) == pytest.approx(1)
    assert min(expected.values()) > 1e-3


def test_a_weight_moves_its_share() -> None:
    rig = Rig()
    before = rig.shares()
    rig.objective.weights["kd"] *= 4
    after = rig.shares()
    assert after["kd"] / after["lm"] == pytest.approx(4 * before["kd"] / before["lm"], rel=1e-4)


def test_nothing_is_changed() -> None:
    rig = Rig(dropout=0.4)
    weights, state = tiny.weights(rig.distiller), torch.get_rng_state()
    rig.shares()
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(tiny.weights(rig.distiller), weights)
    assert all(p.grad is None for p in rig.distiller.parameters())


def test_a_batch_that_counts_for_nothing_has_no_shares() -> None:
    rig = Rig()
    found = rig.shares(batch=blank(rig.plan.train[0], rig.plan.pair.readers))
    assert all(value != value for value in found.values())


def test_a_lack_of_memory_is_no_share_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("no")

    rig = Rig()
    monkeypatch.setattr(torch.autograd, "grad", no)
    found = rig.shares()
    assert list(found) == list(rig.distiller.names)
    assert all(value != value for value in found.values())


def test_they_are_logged_every_so_many_steps_from_the_first_on() -> None:
    found = tiny.train(tiny.plan({"train": {"max_steps": 8, "grad_shares_every": 3}}))
    steps = [line["step"] for line in found.record if names.GRAD_SHARE + "kd" in line]
    assert steps == [1, 4, 7]
    assert [step for step in range(1, 9) if due(step, 3)] == steps
    assert not any(due(step, 0) for step in range(1, 9))
    for line in found.record:
        shares = [value for key, value in line.items() if key.startswith(names.GRAD_SHARE)]
        assert not shares or sum(shares) == pytest.approx(1)


def test_measuring_changes_no_weight_of_the_run() -> None:
    ends = []
    for every in (0, 1):
        rig = Rig(dropout=0.3)
        train = rig.plan.recipe.train.model_copy(update={"grad_shares_every": every})
        rig.plan = type(rig.plan)(
            rig.plan.recipe.model_copy(update={"train": train}),
            *(getattr(rig.plan, name) for name in ("pair", "train", "held_out", "steps", "precision", "device")),
        )
        tiny.train(rig.plan)
        ends.append(tiny.weights(rig.plan.pair.student))
    assert torch.equal(*ends)
