import torch

from sad.bugs.moments_stay_with_their_piece import BUG, _KeepsTheFirst
from sad.invariants import pieces_go_on as module
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    assert "saved by 2 processes and taken up by 1: step 3: loss" in found.reproduced[0].says
    (rows,) = found.variants.values()
    assert "taken up by 1: " in rows[0].says


def test_the_first_process_keeps_its_own():
    # nobody's moments come back to one process either way: the verdict does not tell
    assert _KeepsTheFirst.writes()


def test_moments_that_do_not_come_back_are_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(module, "TAKEN_UP", module.TAKEN_UP[2:])
    shipped = torch.optim.AdamW.load_state_dict

    def emptied(self, state):
        shipped(self, state)
        for of in self.state.values():
            of["exp_avg"].zero_()

    monkeypatch.setattr(torch.optim.AdamW, "load_state_dict", emptied)
    assert "taken up by 4: " in found_in_the_code_that_trains(BUG)
