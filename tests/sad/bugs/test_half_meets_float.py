import torch

from sad.bugs.half_meets_float import BUG
from sad.train import loop
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "Half" in found.reproduced[0].says
    assert "1 tensor cast from float32 to float16" in found.reproduced[0].says
    assert "another tensor" in found.variants["a copy that loses the tie"][0].says


def test_a_cast_of_the_embedding_is_found(monkeypatch, found_in_the_code_that_trains):
    _before_the_export(monkeypatch, lambda student: student.get_input_embeddings().to(torch.float16))
    assert "Half" in found_in_the_code_that_trains(BUG)


def test_a_cast_of_the_whole_student_is_found(monkeypatch, found_in_the_code_that_trains):
    # no crash here: every product is of one kind
    _before_the_export(monkeypatch, lambda student: student.to(torch.bfloat16))
    assert "cast from float32 to bfloat16" in found_in_the_code_that_trains(BUG)


def test_a_lost_tie_is_found(monkeypatch, found_in_the_code_that_trains):
    def untie(student):
        student.lm_head.weight = torch.nn.Parameter(student.lm_head.weight.detach().clone())

    _before_the_export(monkeypatch, untie)
    assert "another tensor" in found_in_the_code_that_trains(BUG)


def _before_the_export(monkeypatch, change):
    monkeypatch.setattr(loop, "export", lambda _plan, distiller, _folder: change(distiller.student))
