import pytest
import torch

from sad.invariants.teacher_isolation import STEPS, teacher_isolation


def careful(pair, look, spoil=lambda *_: None):
    """Moves the student, shows each step; ``spoil`` is called before each look."""
    pair.teacher.eval().requires_grad_(False)
    pair.student.train()
    for step in range(STEPS):
        with torch.no_grad():
            next(pair.student.parameters()).mul_(0.9)
        spoil(pair, step)
        look()


def test_a_careful_training_holds():
    verdict = teacher_isolation(careful)
    assert verdict.holds
    assert verdict.says == "the teacher moved by 0 in 3 steps, its answers differ by 0"


def decay(pair, _):
    with torch.no_grad():
        next(pair.teacher.parameters()).mul_(0.999)


def buffer(pair, step):
    next(pair.teacher.buffers())[0] += step


def wake(pair, step):
    pair.teacher.train(step == 1)


def gradient(pair, _):
    first = next(pair.teacher.parameters())
    first.grad = torch.zeros_like(first)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (decay, "the teacher moved by"),
        (buffer, "the teacher moved by"),
        (wake, "in training mode at 1 of 3 steps; two answers to one text differ"),
        (gradient, "1 of its tensors hold a gradient"),
        (lambda pair, _: pair.student.eval(), "the student is in evaluation mode at 3 steps"),
    ],
)
def test_what_is_done_to_the_teacher_is_named(spoil, says):
    verdict = teacher_isolation(lambda pair, look: careful(pair, look, spoil))
    assert not verdict.holds
    assert says in verdict.says


def test_a_training_that_shows_nothing_breaks_it():
    assert "0 looks" in teacher_isolation(lambda pair, _: careful(pair, lambda: None)).says


def test_a_training_that_trains_nothing_breaks_it():
    def idle(pair, look):
        pair.teacher.eval()
        pair.student.train()
        for _ in range(STEPS):
            look()

    assert "the student did not move" in teacher_isolation(idle).says
