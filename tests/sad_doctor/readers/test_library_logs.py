"""Logs that the libraries themselves wrote, without our hand: fixtures/README.md tells the versions and commands."""

import pytest

from sad_doctor import check, names
from sad_doctor.finding import Level
from sad_doctor.readers import read

RAW = {"train/raw/kd", "train/raw/ce"}
LOGS = {
    "lightning_console.log": (60, 60, {20: 1.53, 40: 1.33, 60: 1.26}, set()),
    "lightning_metrics.csv": (60, 59, {}, RAW),
    "torchtune_console.log": (60, 60, {}, set()),
    "torchtune_disk.txt": (60, 60, {}, {"train/raw/kd", "train/raw/task"}),
    "transformers4_console.log": (32, 64, {16: 1.9965, 64: 1.7144}, {names.GRAD_NORM}),
    "transformers4_trainer_state.json": (32, 64, {16: 1.9965, 64: 1.7144}, {names.GRAD_NORM}),
    "transformers5_trainer_state.json": (32, 64, {16: 1.9965, 64: 1.7144}, {names.GRAD_NORM}),
}


@pytest.mark.parametrize("name", LOGS)
def test_what_a_library_wrote_is_read_whole_and_found_sound(foreign, name):
    records, last, evaluations, columns = LOGS[name]
    run = read(foreign / name)
    loss = run.columns[names.LOSS]
    assert len(set(loss.step)) == records
    assert (loss.step.tolist() == sorted(loss.step), loss.step[-1]) == (True, last)
    assert loss.value[0] > 1.5 * loss.value[-1]
    assert columns <= set(run.columns)
    held_out = run.columns[names.EVAL_LOSS] if evaluations or "metrics" in name else None
    for step, value in evaluations.items():
        assert held_out is not None
        assert held_out.at(step) == pytest.approx(value, abs=1e-4)
    assert check(run).worst in (None, Level.INFO)
