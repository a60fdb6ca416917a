import torch

from sad import tiny
from sad.cache.layout import Layout
from sad.head import signals
from sad.invariants.stored_as_live import stored_as_live
from sad.shipped.stored_teacher import stored_teacher
from sad.subjects.offline import Offline


def test_it_is_the_divergence_over_what_was_written():
    made = tiny.tokenizer(300)
    teacher, student = torch.randn(2, 2, 3, len(made), generator=torch.Generator().manual_seed(0))
    given = Offline(tuple(teacher), tuple(student), made, made, ((1,), (0,)))
    right = torch.nn.functional.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="sum")
    torch.testing.assert_close(stored_teacher()(given), right)


def test_two_calls_give_one_implementation():
    """So that what is found of it can be kept."""
    assert stored_teacher() == stored_teacher()


def test_a_signal_that_differs_from_the_live_one_is_named(monkeypatch):
    """The loss is right all the same: only what is measured beside it tells."""
    shipped = signals._entropy

    def of_buckets_is_off(log_p):
        # the list has one bucket more than there are tokens
        return shipped(log_p) * (1.1 if log_p[..., -1].isneginf().all() else 1.0)

    monkeypatch.setattr(signals, "_entropy", of_buckets_is_off)
    assert stored_as_live(stored_teacher()).says.endswith(f"it raises another {signals.TEACHER_ENTROPY}")


def test_states_of_another_place_are_named(monkeypatch):
    # before the fault: what is asked once in a process would find it, and say something else
    loss, shipped = stored_teacher(), Layout._unpack_state
    monkeypatch.setattr(Layout, "_unpack_state", lambda self, records: shipped(self, records).roll(1, dims=0))
    assert stored_as_live(loss).says.endswith("it raises states of other places")
