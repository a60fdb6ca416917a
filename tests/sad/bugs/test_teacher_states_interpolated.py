import torch
import torch.nn.functional as F

from sad.bugs.teacher_states_interpolated import BUG
from sad.terms import View
from sad.verify import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    (verdict,) = found.reproduced
    assert "together" in verdict.says
    assert verdict.numbers["off"] > 0.01


def stretched(states, view):
    return F.interpolate(states.mT, size=view.student.hidden.shape[1], mode="linear", align_corners=False).mT


def test_states_stretched_in_the_code_that_trains_are_found(monkeypatch, found_in_the_code_that_trains):
    def states(view, pair):
        at, (mine, theirs) = view.batch.boundaries, view.pairs[pair]
        student = view.projectors[pair](view.student.blocks[mine][at.row, at.student])
        return student, stretched(view.teacher.blocks[theirs], view)[at.row, at.student]

    monkeypatch.setattr(View, "states", states)
    found_in_the_code_that_trains(BUG)


def test_logits_stretched_in_the_code_that_trains_are_found(monkeypatch, found_in_the_code_that_trains):
    def teacher_log_probs(view, temperature):
        at = view.batch.boundaries
        length, rows = view.teacher.hidden.shape[1], torch.arange(len(view.teacher.hidden))
        logits = view.teacher.logits(rows.repeat_interleave(length), torch.arange(length).repeat(len(rows)))
        return view.vocab.project(
            stretched(logits.unflatten(0, (len(rows), length)), view)[at.row, at.student], temperature
        )

    monkeypatch.setattr(View, "teacher_log_probs", teacher_log_probs)
    found_in_the_code_that_trains(BUG)
