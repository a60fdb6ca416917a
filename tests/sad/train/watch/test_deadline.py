"""The run ends before the hours do, with time left for its last checkpoint."""

from __future__ import annotations

from sad.train.watch.deadline import AGAIN, MOST, SHARE, Deadline


class Watch:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def steps_until_it_ends(hours: float, step: float, save: float = 0.0, every: int = 10) -> tuple[float, Watch]:
    watch = Watch()
    deadline = Deadline(hours, began=900.0, now=watch)
    for number in range(1, 100_000):
        deadline.started()
        watch.now += step
        if save and number % every == 0:
            watch.now += save
            deadline.saved(save)
        if deadline.passed():
            return 900.0 + 3600 * hours - watch.now, watch
    raise AssertionError("it never ends")


def test_without_hours_it_never_ends() -> None:
    watch = Watch()
    deadline = Deadline(None, now=watch)
    watch.now = 1e12
    assert not deadline.passed()


def test_what_is_left_is_enough_for_another_step_and_a_checkpoint() -> None:
    left, _ = steps_until_it_ends(1.0, step=7.0, save=40.0)
    assert 40.0 <= left <= AGAIN * (40.0 + 7.0) + 7.0 + 40.0


def test_before_any_checkpoint_a_share_is_kept_back_but_not_hours() -> None:
    left, _ = steps_until_it_ends(0.1, step=1.0)
    assert SHARE * 360 <= left <= SHARE * 360 + 3
    left, _ = steps_until_it_ends(100.0, step=10.0)
    assert MOST <= left <= MOST + 30


def test_a_long_evaluation_is_allowed_for() -> None:
    watch = Watch()
    deadline = Deadline(1.0, now=watch)
    deadline.started()
    watch.now += 600
    assert not deadline.passed()
    deadline.started()
    watch.now += 2100
    # 900 seconds are left; another round could take as long as the longest
    assert deadline.passed()


def test_a_long_wait_for_text_is_not() -> None:
    watch = Watch()
    deadline = Deadline(1.0, now=watch)
    deadline.started()
    watch.now += 10
    deadline.worked()
    watch.now += 2000
    assert not deadline.passed()
    deadline.started()
    watch.now += 10
    # 1580 seconds are left; the wait would ask for 3000 if it were a step's
    assert not deadline.passed()
    # but it ends in time
    deadline.worked()
    watch.now += 1450
    assert deadline.passed()


def test_the_time_that_ran_before_counts() -> None:
    watch = Watch()
    assert Deadline(0.5, began=watch.now - 1790, now=watch).passed()
    assert not Deadline(0.5, now=watch).passed()
