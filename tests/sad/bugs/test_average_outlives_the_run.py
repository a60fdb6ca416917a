import pytest
import torch

from sad.bugs.average_outlives_the_run import BUG, PLANNED
from sad.train import held_out, loop
from sad.train.saving import checkpoint
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    (verdict,) = found.reproduced
    assert verdict.says == "73% of the weights that are scored are the initial ones"
    assert verdict.numbers["share"] == pytest.approx(0.9999**PLANNED, abs=0.01)
    assert found.fixed[0].numbers["share"] == 0


def test_an_average_that_is_mostly_the_beginning_is_found(monkeypatch, found_in_the_code_that_trains):
    """It is scored, saved and exported alike, so that nothing but its lag gives it away."""
    starts = {}

    def averaged(of, *more, shipped):
        parameters = list(of.parameters())
        start = starts.setdefault(of, [p.detach().clone() for p in parameters])
        raw = [p.detach().clone() for p in parameters]
        with torch.no_grad():
            for p, first in zip(parameters, start, strict=True):
                p.lerp_(first, 0.73)
        found = shipped(of, *more)
        with torch.no_grad():
            for p, value in zip(parameters, raw, strict=True):
                p.copy_(value)
        return found

    shipped = held_out.evaluate, checkpoint.save_model, loop.export
    monkeypatch.setattr(held_out, "evaluate", lambda of, *more: averaged(of, *more, shipped=shipped[0]))
    monkeypatch.setattr(checkpoint, "save_model", lambda of, path: averaged(of, path, shipped=shipped[1]))
    monkeypatch.setattr(
        loop, "export", lambda plan, of, to: averaged(of, shipped=lambda one: shipped[2](plan, one, to))
    )
    assert "73% of the weights that are scored are the initial ones" in found_in_the_code_that_trains(BUG)
