"""The teacher's loss and entropy are those of its own distribution, in float64, and asking moves nothing."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from sad import tiny
from sad.data import blank, collate
from sad.distiller import Distiller
from sad.pair import Pair
from sad.train.ledger.teacher_signals import teacher_signals
from sad_doctor import names


@pytest.fixture
def rig() -> tuple[tiny.Plan, Distiller]:
    AcceleratorState._reset_state()
    made = tiny.pair(320, 320)
    student = tiny.model(320, layers=2, width=16, seed=2, attention_dropout=0.4)
    plan = tiny.plan({"terms": {"kd": {"temperature": 3.0}}}, of=Pair(student, made.teacher, made.readers, made.vocab))
    return plan, Distiller(student, made.teacher, made.vocab, plan.recipe.terms).train()


def test_they_are_those_of_the_teachers_logits(rig: tuple[tiny.Plan, Distiller]) -> None:
    plan, distiller = rig
    batch = collate(plan.train[:3], plan.pair.readers)
    logits = distiller.teacher(batch.teacher.input_ids, attention_mask=batch.teacher.attention_mask).logits.double()
    at = batch.boundaries
    log_p = torch.log_softmax(logits[at.row, at.teacher], dim=-1)
    labels = batch.targets.token[at.target]
    found = teacher_signals(Accelerator(cpu=True), distiller, batch)
    expected = {
        names.TEACHER_LOSS: float(-log_p.gather(-1, labels[:, None]).mean()),
        names.TEACHER_ENTROPY: float(-(log_p.exp() * log_p).sum(-1).mean()),
    }
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("hidden", [0, 1, 1000, -1])
def test_of_two_tokenizers_they_are_of_the_labels_that_the_teacher_has(hidden: int) -> None:
    AcceleratorState._reset_state()
    made = tiny.pair(400, 320)
    plan = tiny.plan(of=made)
    batch = collate(plan.train[:3], plan.pair.readers)
    at = batch.boundaries
    labels = batch.targets.token[at.target]
    # as if no token of the teacher led to some of the labels
    for token in labels.unique()[:hidden].tolist() if hidden >= 0 else range(320):
        made.vocab.index[made.vocab.index == token] = -1
    distiller = Distiller(made.student, made.teacher, made.vocab, plan.recipe.terms).train()
    logits = distiller.teacher(batch.teacher.input_ids, attention_mask=batch.teacher.attention_mask).logits.double()
    p = torch.zeros(len(labels), 320, dtype=torch.float64)
    theirs = logits[at.row, at.teacher].softmax(-1)
    for token, leads in enumerate(made.vocab.index.tolist()):
        if leads >= 0:
            p[:, leads] += theirs[:, token]
    likely = (p / p.sum(-1, keepdim=True)).gather(-1, labels[:, None]).squeeze(-1)
    found = teacher_signals(Accelerator(cpu=True), distiller, batch)
    assert found[names.TEACHER_LABELS] == pytest.approx(float((likely > 0).double().mean()))
    if (likely > 0).any():
        assert found[names.TEACHER_LOSS] == pytest.approx(float(-likely[likely > 0].log().mean()), rel=1e-5)
    else:
        assert names.TEACHER_LOSS not in found
    assert (~(likely > 0)).any() == bool(hidden)
    heard = p.sum(-1) > 0
    spread = torch.special.entr(p[heard] / p[heard].sum(-1, keepdim=True)).sum(-1)
    assert found.get(names.TEACHER_ENTROPY) == (pytest.approx(float(spread.mean()), rel=1e-5) if heard.any() else None)


def test_asking_moves_nothing(rig: tuple[tiny.Plan, Distiller]) -> None:
    plan, distiller = rig
    batch = collate(plan.train[:3], plan.pair.readers)
    distiller.student.model.norm.eval()
    state, weights = torch.get_rng_state(), tiny.weights(distiller)
    modes = [module.training for module in distiller.modules()]
    teacher_signals(Accelerator(cpu=True), distiller, batch)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(tiny.weights(distiller), weights)
    assert [module.training for module in distiller.modules()] == modes
    assert all(p.grad is None for p in distiller.parameters())


def test_without_a_boundary_there_are_none(rig: tuple[tiny.Plan, Distiller]) -> None:
    plan, distiller = rig
    assert teacher_signals(Accelerator(cpu=True), distiller, blank(plan.train[0], plan.pair.readers)) == {}


def test_they_are_logged_with_the_shares_of_the_gradient() -> None:
    lines = tiny.train(tiny.plan({"train": {"max_steps": 5, "grad_shares_every": 4}})).record
    assert [line["step"] for line in lines if names.TEACHER_LOSS in line] == [1, 5]
    assert [line["step"] for line in lines if names.TEACHER_ENTROPY in line] == [1, 5]
