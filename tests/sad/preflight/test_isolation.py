from __future__ import annotations

import torch

from sad import tiny
from sad.distiller import Distiller
from sad.preflight.finding import Level
from sad.preflight.isolation import checksums, isolation
from sad.train import parts


def test_the_teacher_is_left_alone_and_the_student_moves(bench) -> None:
    found = list(isolation(bench()))
    assert [f.level for f in found] == [Level.FINE, Level.FINE]


def test_a_teacher_in_the_optimizer_is_wrong(bench, wrong, monkeypatch) -> None:
    kept = parts.make_optimizer

    def all_of_it(distiller, recipe):
        optimizer = kept(distiller, recipe)
        optimizer.add_param_group({"params": list(distiller.teacher.parameters()), "lr": 0.1, "peak": 0.1})
        return optimizer

    def answers(self, batch):
        self.teacher.requires_grad_(True)
        return ask(self, batch)

    ask = Distiller.ask_teacher.__wrapped__
    monkeypatch.setattr(parts, "make_optimizer", all_of_it)
    monkeypatch.setattr(Distiller, "ask_teacher", answers)
    says = wrong(isolation(bench()))[0].says
    for part in ("the optimizer owns its weights", "it takes gradients"):
        assert part in says


def test_a_teacher_that_drifts_is_wrong(bench, wrong, monkeypatch) -> None:
    kept = Distiller.ask_teacher

    def drifting(self, batch):
        with torch.no_grad():
            next(iter(self.teacher.parameters())).mul_(1.001)
        return kept(self, batch)

    monkeypatch.setattr(Distiller, "ask_teacher", drifting)
    says = wrong(isolation(bench()))[0].says
    assert "its weights changed" in says
    assert "answered the same text differently" in says


def test_a_teacher_in_training_mode_is_wrong(bench, wrong, monkeypatch) -> None:
    monkeypatch.setattr(
        Distiller, "train", lambda self, mode=True: (self.teacher.train(mode), torch.nn.Module.train(self, mode))[1]
    )
    assert "training mode" in wrong(isolation(bench()))[0].says


def test_a_student_that_never_steps_is_wrong(bench, wrong, monkeypatch) -> None:
    from sad.train import step

    monkeypatch.setattr(step, "_update", lambda *_: None)
    (found,) = wrong(isolation(bench()))
    assert found.topic == "student moves"


def test_a_checksum_sees_one_bit_and_a_swap_of_two_rows() -> None:
    model = tiny.model(64, layers=1, width=16, seed=0)
    before = checksums(model)
    assert checksums(model) == before
    weight = model.get_input_embeddings().weight.data
    weight[[0, 1]] = weight[[1, 0]]
    assert checksums(model) != before
    weight[[0, 1]] = weight[[1, 0]]
    assert checksums(model) == before
    weight[0, 0] = torch.nextafter(weight[0, 0], torch.tensor(9.0))
    assert checksums(model) != before
