import torch

from sad.bugs.best_is_not_what_was_scored import BUG
from sad.train import held_out, loop
from sad.train.saving import checkpoint
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    (verdict,) = found.reproduced
    assert verdict.numbers["again"] > 5 * verdict.numbers["told"]
    assert found.fixed[0].numbers["claims"] == 5
    (other,) = found.variants["the average is saved under the score of the raw weights"]
    # here the raw weights are the better ones
    assert other.numbers["told"] < 0.1 < 0.15 < other.numbers["again"] < 0.2


def test_an_evaluation_of_other_weights_is_found(monkeypatch, found_in_the_code_that_trains):
    def evaluate(distiller, *more, shipped=held_out.evaluate):
        raw = [p.detach().clone() for p in distiller.parameters()]
        with torch.no_grad():
            for p in distiller.parameters():
                p.mul_(0.9)
            scores = shipped(distiller, *more)
            for p, value in zip(distiller.parameters(), raw, strict=True):
                p.copy_(value)
        return scores

    monkeypatch.setattr(held_out, "evaluate", evaluate)
    assert "the checkpoint of step 6 was saved as " in found_in_the_code_that_trains(BUG)


def test_a_save_in_half_precision_is_found(monkeypatch, found_in_the_code_that_trains):
    def save(distiller, path, shipped=checkpoint.save_model):
        raw = [p.detach().clone() for p in distiller.parameters()]
        for p in distiller.parameters():
            p.data = p.data.bfloat16().float()
        shipped(distiller, path)
        for p, value in zip(distiller.parameters(), raw, strict=True):
            p.data = value

    monkeypatch.setattr(checkpoint, "save_model", save)
    assert "the checkpoint of step 6 was saved as " in found_in_the_code_that_trains(BUG)


def test_an_export_of_other_weights_is_found(monkeypatch, found_in_the_code_that_trains):
    def export(plan, distiller, folder, shipped=loop.export):
        with torch.no_grad():
            next(distiller.student.parameters()).mul_(1.01)
        shipped(plan, distiller, folder)

    monkeypatch.setattr(loop, "export", export)
    assert "the exported student was saved as " in found_in_the_code_that_trains(BUG)
