"""Scores on held-out text: weighted by tokens, never clamped, the training code's own terms."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch

from sad import tiny
from sad.batch import Batch
from sad.data import blank, collate
from sad.distiller import Distiller
from sad.evaluate import Likelihood, Scores, evaluate, likelihood
from sad.objective import Objective
from sad.recipe.terms import Terms

TERMS = Terms.model_validate({"kd": {"weight": 0.7, "temperature": 3.0}, "layerwise": {"weight": 0.2}})


@pytest.fixture(scope="module")
def plan() -> Any:
    return tiny.plan()


@pytest.fixture
def distiller(plan: Any) -> Distiller:
    pair = plan.pair
    return Distiller(pair.student, pair.teacher, pair.vocab, TERMS)


def batches(plan: Any, *sizes: int) -> list[Batch]:
    found, start = [], 0
    for size in sizes:
        found.append(collate(plan.train[start : start + size], plan.pair.readers))
        start += size
    return found


def objective() -> Objective:
    return Objective(dict(TERMS.weights))


def close(left: Scores, right: Scores) -> None:
    assert left.likelihood.tokens == right.likelihood.tokens
    assert left.likelihood.bytes == right.likelihood.bytes
    for name in ("kl", "agreement", "mapped"):
        assert getattr(left, name) == pytest.approx(getattr(right, name), rel=1e-5)
    assert left.likelihood.nats == pytest.approx(right.likelihood.nats, rel=1e-5)
    assert left.ledger.raw == pytest.approx(right.ledger.raw, rel=1e-5)


def test_the_split_into_batches_changes_nothing(plan: Any, distiller: Distiller) -> None:
    whole = evaluate(distiller, batches(plan, 8), objective())
    close(whole, evaluate(distiller, batches(plan, 1, 5, 2), objective()))
    close(whole, evaluate(distiller, batches(plan, *[1] * 8), objective()))


def test_perplexity_is_exp_of_the_mean_over_every_token(plan: Any, distiller: Distiller) -> None:
    nats, tokens = 0.0, 0
    student = plan.pair.student.eval()
    for batch in batches(plan, 1, 1, 1, 1):
        logits = student(input_ids=batch.student.input_ids).logits
        at = batch.targets
        log_p = torch.log_softmax(logits.double(), -1)[at.row, at.position, at.token]
        nats, tokens = nats - float(log_p.sum().detach()), tokens + len(at)
    found = evaluate(distiller, batches(plan, 3, 1), objective()).likelihood
    assert found.tokens == tokens
    assert found.perplexity == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    spelled = sum(b.byte_count for b in batches(plan, 4))
    assert found.bits_per_byte == pytest.approx(nats / math.log(2) / spelled, rel=1e-5)


def test_a_likelihood_is_not_clamped_and_nothing_is_not_a_number() -> None:
    assert Likelihood(30.0 * 7, 7, 10).perplexity == math.exp(30.0)
    assert Likelihood(800.0, 1, 1).perplexity == math.inf
    assert math.isnan(Likelihood(math.nan, 1, 1).perplexity)
    empty = Likelihood(0.0, 0, 0)
    assert math.isnan(empty.lm_loss)
    assert math.isnan(empty.perplexity)
    assert math.isnan(empty.bits_per_byte)


def test_kl_is_at_temperature_one_whatever_the_training_uses(plan: Any, distiller: Distiller) -> None:
    found = evaluate(distiller, batches(plan, 4), objective())
    plain = Distiller(plan.pair.student, plan.pair.teacher, plan.pair.vocab, Terms())
    again = evaluate(plain, batches(plan, 4), Objective(dict(Terms().weights)))
    assert found.kl == pytest.approx(again.kl, rel=1e-6)
    assert found.kl == pytest.approx(again.ledger.raw["kd"], rel=1e-6)
    assert found.ledger.raw["kd"] != pytest.approx(found.kl, rel=0.05)


def test_agreement_and_mapped_mass_are_shares_of_boundaries(plan: Any, distiller: Distiller) -> None:
    (batch,) = batches(plan, 4)
    at, vocab = batch.boundaries, plan.pair.vocab
    with torch.no_grad():
        mine = plan.pair.student.eval()(input_ids=batch.student.input_ids).logits[at.row, at.student]
        theirs = plan.pair.teacher(input_ids=batch.teacher.input_ids).logits[at.row, at.teacher]
    same = (mine.argmax(-1) == vocab.project(theirs).argmax(-1)).double().mean()
    found = evaluate(distiller, [batch], objective())
    assert found.agreement == pytest.approx(float(same))
    assert found.mapped == pytest.approx(float(vocab.mass(theirs).double().mean()), rel=1e-5)
    assert 0 < found.mapped <= 1


def test_a_student_that_is_the_teacher_agrees_with_it() -> None:
    pair = tiny.plan(of=tiny.pair(400, 400)).pair
    readers, plan = pair.readers, tiny.plan(of=pair)
    one = Distiller(copy.deepcopy(pair.teacher), pair.teacher, pair.vocab, Terms())
    found = evaluate(one, [collate(plan.train, readers)], Objective(dict(Terms().weights)))
    assert found.kl == pytest.approx(0.0, abs=1e-6)
    assert (found.agreement, found.mapped) == (1.0, 1.0)
    own = likelihood(one, [collate(plan.train, readers)])
    assert own.nats == pytest.approx(found.likelihood.nats, rel=1e-6)


def test_it_agrees_with_training_at_the_same_weights(plan: Any, distiller: Distiller) -> None:
    of, (batch,) = objective(), batches(plan, 5)
    sums = distiller(batch, distiller.ask_teacher(batch))
    trained = of.part(sums, batch.counts())
    found = evaluate(distiller, [batch], of)
    assert found.ledger.loss == pytest.approx(float(trained.detach()), rel=1e-5)
    assert found.ledger.weight == of.weights
    assert sum(found.ledger.weighted.values()) == found.ledger.loss


def test_dropout_is_off_and_every_module_gets_its_mode_back(plan: Any) -> None:
    pair = plan.pair
    student = tiny.model(pair.readers.student.size, layers=2, width=16, seed=2, attention_dropout=0.5).train()
    of = Distiller(student, pair.teacher, pair.vocab, TERMS).train()
    next(iter(of.projectors)).eval()
    modes = [module.training for module in of.modules()]
    state = torch.get_rng_state()
    first = evaluate(of, batches(plan, 3), objective())
    assert first == evaluate(of, batches(plan, 3), objective())
    assert modes == [module.training for module in of.modules()]
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ZeroDivisionError):
        evaluate(of, (1 // 0 for _ in range(1)), objective())
    assert modes == [module.training for module in of.modules()]


def test_nothing_is_changed_by_looking(plan: Any, distiller: Distiller) -> None:
    of = objective()
    before = tiny.weights(distiller)
    evaluate(distiller, batches(plan, 3), of)
    assert torch.equal(tiny.weights(distiller), before)
    assert all(p.grad is None for p in distiller.parameters())
    assert (of.weights, of.means) == (TERMS.weights, {})


def test_the_teacher_is_scored_on_the_same_bytes(plan: Any, distiller: Distiller) -> None:
    own = likelihood(distiller, batches(plan, 2, 3))
    found = evaluate(distiller, batches(plan, 5), objective()).likelihood
    assert own.bytes == found.bytes
    assert own.tokens == len(batches(plan, 5)[0].teacher_targets)
    assert own.nats == pytest.approx(likelihood(distiller, batches(plan, 5)).nats, rel=1e-5)
    batch = batches(plan, 5)[0]
    at = batch.teacher_targets
    logits = plan.pair.teacher(
        input_ids=batch.teacher.input_ids, attention_mask=batch.teacher.attention_mask
    ).logits.double()
    log_p = torch.log_softmax(logits, -1)[at.row, at.position, at.token]
    assert own.nats == pytest.approx(-float(log_p.sum()), rel=1e-5)


def test_totals_of_processes_are_added_before_anything_is_divided(plan: Any, distiller: Distiller) -> None:
    def twice(totals: dict[str, float]) -> dict[str, float]:
        return {name: 2 * value for name, value in totals.items()}

    alone = evaluate(distiller, batches(plan, 3), objective())
    both = evaluate(distiller, batches(plan, 3), objective(), twice)
    assert both.likelihood.tokens == 2 * alone.likelihood.tokens
    assert both.likelihood.perplexity == alone.likelihood.perplexity
    assert (both.kl, both.ledger.raw) == (alone.kl, alone.ledger.raw)
    assert likelihood(distiller, batches(plan, 3), twice).bytes == 2 * alone.likelihood.bytes


def test_nothing_to_score_is_not_a_number(plan: Any, distiller: Distiller) -> None:
    for given in ([], [blank(plan.train[0], plan.pair.readers)]):
        found = evaluate(distiller, given, objective())
        assert math.isnan(found.kl)
        assert math.isnan(found.agreement)
        assert math.isnan(found.likelihood.bits_per_byte)
        assert found.ledger.raw == {}
        assert likelihood(distiller, given).bytes == 0
