"""The faults are planted into the training code itself; the user's own step then shows them."""

from __future__ import annotations

import pytest
import torch

from sad import objective
from sad.batch import Tokens
from sad.losses import contrastive
from sad.preflight import cutting as module
from sad.preflight.cutting import Catching, cutting
from sad.preflight.finding import Level


def by_topic(findings):
    return {f.topic: f for f in findings}


def test_the_step_that_trains_does_not_depend_on_its_cut(bench) -> None:
    found = by_topic(cutting(bench()))
    assert set(found) == {"accumulation", "batch split", "padding"}
    assert all(f.level is Level.FINE for f in found.values())
    assert max(max(f.numbers["loss"], f.numbers["gradient"]) for f in found.values()) < 1e-5


def test_negatives_of_the_batch_are_no_fault_of_the_code(bench) -> None:
    asked = {"contrastive": {"weight": 1.0, "negatives": "batch"}}
    found = list(cutting(bench({"terms": asked})))
    assert [f.topic for f in found] == ["accumulation", "batch split", "padding", "batch split"]
    assert all(f.level is Level.FINE for f in found)
    assert "depends on train.batch_size" in found[-1].says


def test_a_mean_of_means_breaks_accumulation_and_batch_split(bench, monkeypatch) -> None:
    """Each micro-batch divided by its own units, and then by their number: the classic."""

    def part(self, sums, _units):
        return torch.stack([self.weights[n] * s.total / max(1, s.units) for n, s in sums.items()]).sum() / 2

    monkeypatch.setattr(objective.Objective, "part", part)
    monkeypatch.setattr(objective.Objective, "scales", lambda *_: None)
    found = by_topic(cutting(bench({"train": {"accumulation": 2}})))
    assert found["accumulation"].level is found["batch split"].level is Level.WRONG
    assert found["accumulation"].edits == {"train.accumulation": 1}
    assert found["accumulation"].numbers["gradient"] > 0.01


def test_a_step_for_every_micro_batch_breaks_accumulation(bench, monkeypatch) -> None:
    kept = module.take_step

    def each(learner, batches, clip, **how):
        return [kept(learner, [one], clip, **how) for one in batches][-1]

    monkeypatch.setattr(module, "take_step", each)
    found = by_topic(cutting(bench()))
    assert "2 optimizer steps, not 1" in found["accumulation"].says


def test_attention_to_padding_breaks_padding(bench, monkeypatch) -> None:
    """The padding comes first for a model that reads it: here its mask is thrown away and it stands on the left."""

    def left(tokens: Tokens) -> Tokens:
        more = torch.ones_like(tokens.input_ids[:, :1])
        ids = torch.cat([more, tokens.input_ids], dim=1)[:, :-1]
        return Tokens(ids, torch.ones_like(ids))

    monkeypatch.setattr(module, "_wider", left)
    found = by_topic(cutting(bench()))
    assert found["padding"].level is Level.WRONG


def test_contrastive_is_judged_too_and_a_loss_over_the_whole_micro_batch_is_wrong(bench, wrong, monkeypatch) -> None:
    both = {"terms": {"contrastive": {"weight": 0.5}}}
    assert all(f.level is Level.FINE for f in cutting(bench(both)))
    shipped = contrastive.info_nce

    def across_texts(student, teacher, text, temperature, _):
        return shipped(student, teacher, torch.zeros_like(text), temperature)

    monkeypatch.setattr(contrastive, "info_nce", across_texts)
    assert {f.topic for f in wrong(cutting(bench(both)))} >= {"accumulation", "batch split"}


def test_catching_moves_nothing() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    unused = torch.nn.Parameter(torch.ones(2))
    optimizer = Catching([weight, unused])
    (2 * weight).sum().backward()
    optimizer.step()
    assert weight.tolist() == [1, 1, 1]
    assert [g.tolist() for g in optimizer.caught] == [[2, 2, 2], [0, 0]]
    assert optimizer.steps == 1


@pytest.mark.parametrize("shares", [None, {"kd": 50, "lm": 30, "layerwise": 20}])
def test_target_shares_do_not_disturb_it(bench, shares) -> None:
    assert all(f.level is Level.FINE for f in cutting(bench({} if shares is None else {"shares": shares})))
