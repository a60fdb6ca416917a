import pytest

from sad.bugs.optimizer_never_steps import BUG, buggy, fixed
from sad.subjects.trainer import Setup
from sad.train import step
from sad.verify.battery import run


def taken(trainer, accumulation: int):
    """Return the steps that are taken in three full windows, and whether a weight moved."""
    trace = trainer.run(Setup((3, 9, 5) * accumulation, accumulation=accumulation))
    return len(trace.taken), any(bool(one.change.any()) for one in trace.taken)


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].numbers["wrong"] == 3
    assert found.fixed[0].numbers["steps"] == found.fixed[0].numbers["expected"] == 15


@pytest.mark.parametrize("accumulation", range(1, 10))
def test_the_faulty_loop_never_steps_at_even_accumulations(accumulation: int):
    steps, moved = taken(buggy(), accumulation)
    if accumulation % 2 == 0:
        assert (steps, moved) == (0, False)
    else:
        assert steps > 0


def test_the_loop_that_trains_steps_at_an_even_accumulation():
    assert taken(fixed(), 8) == (3, True)


def test_a_loop_that_forgets_to_step_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(step, "_update", lambda *_: None)
    assert "0 of 15 steps" in found_in_the_code_that_trains(BUG)
