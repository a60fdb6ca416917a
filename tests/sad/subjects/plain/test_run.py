"""The plain run learns, sees every sample once an epoch, and may be stopped anywhere."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sad.invariants.resume_equivalence import differences
from sad.subjects.plain.run import MasterRun, Plain, PlainRun
from sad.subjects.resumable import Setting

SETTING = Setting(size=7, batch_size=2, accumulation=2, seed=3, steps=6)


@st.composite
def stopped(draw):
    """A setting, and the two places at which it is stopped."""
    steps = draw(st.integers(3, 9))
    first = draw(st.integers(1, steps - 2))
    made = Setting(
        draw(st.integers(1, 9)), draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(0, 5)), steps
    )
    return made, first, draw(st.integers(first + 1, steps - 1))


@pytest.mark.parametrize("make", [PlainRun, MasterRun])
def test_it_may_be_stopped_anywhere_and_twice(make):
    @settings(max_examples=25)
    @given(stopped())
    def check(case):
        setting, first, second = case
        whole = Plain(make).run(setting, None, (first,))
        once = Plain(make).run(setting, whole.saved[first], (second,))
        again = Plain(make).run(setting, once.saved[second], ())
        assert list(differences(whole, first, once)) == []
        assert list(differences(whole, second, again)) == []

    check()


def test_every_epoch_sees_every_sample_once_in_another_order():
    taken = Plain().run(SETTING, None, ()).taken
    epochs = [[i for step in taken[k : k + 2] for i in step.samples] for k in (0, 2, 4)]
    assert all(sorted(epoch) == list(range(SETTING.size)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_it_learns():
    taken = Plain().run(Setting(size=32, batch_size=8, accumulation=1, seed=0, steps=60), None, ()).taken
    first, last = (sum(step.loss for step in some) for some in (taken[:8], taken[-8:]))
    assert last < 0.6 * first


def test_the_weights_of_the_half_run_are_the_rounded_copies():
    run = MasterRun(SETTING)
    run.take()
    for master, weight in zip(run.masters, run.targets, strict=True):
        assert weight.dtype == torch.bfloat16
        assert torch.equal(weight, master.to(torch.bfloat16))
        assert not torch.equal(weight.float(), master)


def test_the_random_state_outside_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Plain().run(SETTING, None, (2,))
    assert torch.equal(torch.rand(3), expected)


def test_the_scale_is_not_trained():
    ran = Plain().run(SETTING, None, ())
    assert "scale" not in ran.live
    assert torch.equal(ran.weights["scale"], torch.ones(1))
