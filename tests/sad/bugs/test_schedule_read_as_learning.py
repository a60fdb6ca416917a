from dataclasses import replace

import pytest

from sad.bugs.schedule_read_as_learning import BUG, buggy, fixed
from sad.invariants.score_knows_no_schedule import score_knows_no_schedule
from sad.train import held_out


def test_weights_that_stand_still_seem_to_learn_or_to_forget():
    verdict = score_knows_no_schedule(buggy())
    assert not verdict.holds
    assert verdict.says.startswith("weights that stand still score 1.2433 -> 1.3349 -> ")
    assert verdict.numbers["last"] > 2 * verdict.numbers["first"]


@pytest.mark.parametrize("name", BUG.variants)
def test_every_form_is_caught(name):
    assert not score_knows_no_schedule(BUG.variants[name]()).holds


def test_an_objective_under_the_name_of_the_score_is_found(monkeypatch):
    evaluate = held_out.evaluate

    def scored(*given):
        scores = evaluate(*given)
        own = scores.likelihood
        return replace(scores, likelihood=replace(own, nats=scores.ledger.loss * own.tokens))

    monkeypatch.setattr(held_out, "evaluate", scored)
    verdict = score_knows_no_schedule(fixed())
    assert not verdict.holds
    assert "weights that stand still score" in verdict.says
