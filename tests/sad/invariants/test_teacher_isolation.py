import pytest
import torch

from sad.invariants.teacher_isolation import STEPS, teacher_isolation


def ask(pair):
    with torch.no_grad():
        pair.teacher(input_ids=torch.arange(2, 8)[None])


def careful(pair, look, spoil=lambda *_: None, ask=ask):
    """Asks the teacher, moves the student, shows each step; ``spoil`` is called before each look."""
    pair.teacher.eval().requires_grad_(False)
    pair.student.train()
    for step in range(STEPS):
        ask(pair)
        with torch.no_grad():
            next(pair.student.parameters()).mul_(0.9)
        spoil(pair, step)
        look()


def test_a_careful_training_holds():
    verdict = teacher_isolation(careful)
    assert verdict.holds
    assert verdict.says == "the teacher moved by 0 in 3 steps and 3 passes, answers differ by 0"


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
        (wake, "in training mode at 1 of 3 steps"),
        (gradient, "1 of its tensors hold a gradient"),
        (lambda pair, _: pair.student.eval(), "the student is in evaluation mode at 3 steps"),
    ],
)
def test_what_is_done_to_the_teacher_is_named(spoil, says):
    verdict = teacher_isolation(lambda pair, look: careful(pair, look, spoil))
    assert not verdict.holds
    assert says in verdict.says


def awake(pair):
    pair.teacher.train()
    ask(pair)
    pair.teacher.eval()


def one_module_awake(pair):
    dropping = list(pair.teacher.modules())[-1]
    dropping.train()
    ask(pair)
    dropping.eval()


def with_gradients(pair):
    pair.teacher(input_ids=torch.arange(2, 8)[None])


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (awake, "in training mode in 3 of 3 passes of the training"),
        (one_module_awake, "in training mode in 3 of 3 passes of the training"),
        (with_gradients, "with gradients in 3 of 3 passes of the training"),
        (lambda _: None, "the teacher was never asked"),
    ],
)
def test_what_is_wrong_in_a_pass_alone_is_named(ask, says):
    verdict = teacher_isolation(lambda pair, look: careful(pair, look, ask=ask))
    assert not verdict.holds
    assert verdict.says == says


def test_a_training_that_shows_nothing_breaks_it():
    assert "0 looks" in teacher_isolation(lambda pair, _: careful(pair, lambda: None)).says


def test_a_training_that_trains_nothing_breaks_it():
    def idle(pair, look):
        pair.teacher.eval()
        pair.student.train()
        for _ in range(STEPS):
            ask(pair)
            look()

    assert "the student did not move" in teacher_isolation(idle).says
