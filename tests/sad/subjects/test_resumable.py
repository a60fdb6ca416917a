import pytest

from sad.subjects.resumable import Setting


@pytest.mark.parametrize(
    ("size", "batch_size", "accumulation", "per_step", "steps"),
    [(8, 2, 2, 4, 2), (7, 2, 2, 4, 2), (9, 2, 2, 4, 3), (1, 4, 8, 32, 1)],
)
def test_the_last_step_of_an_epoch_takes_what_is_left(size, batch_size, accumulation, per_step, steps):
    setting = Setting(size, batch_size, accumulation, seed=0, steps=1)
    assert (setting.per_step, setting.steps_per_epoch) == (per_step, steps)
