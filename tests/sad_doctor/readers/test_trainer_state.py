import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.readers import Unreadable, read
from sad_doctor.readers.trainer_state import READER, TrainerState

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def test_the_fixture_is_read(runs):
    run = read(runs / "trainer_state.json")
    assert run.format == "Hugging Face trainer_state.json"
    loss, norm = run.columns["train/loss"], run.columns["train/grad_norm"]
    assert loss.step.tolist() == list(range(10, 201, 10))
    assert loss.at(70) == 0.0
    assert math.isnan(norm.at(70))
    assert np.isfinite(norm.value[:6]).all()
    assert math.isnan(run.columns["eval/loss"].last)
    assert run.facts[names.TOTAL_STEPS] == 200
    assert run.facts[names.STATUS] == "finished"


def test_the_average_at_the_end_is_no_point_of_the_loss(runs):
    run = read(runs / "trainer_state.json")
    assert 1.5391 not in run.columns["train/loss"].value
    assert run.facts["summary"]["train_loss"] == 1.5391
    assert any("averages over the run" in note for note in run.notes)


def test_the_run_is_named_after_its_folder(runs, tmp_path):
    folder = tmp_path / "my-student" / "checkpoint-200"
    folder.mkdir(parents=True)
    path = folder / "trainer_state.json"
    path.write_bytes((runs / "trainer_state.json").read_bytes())
    assert read(path).name == "my-student/checkpoint-200"


def test_a_new_save_is_seen(write):
    path = write("trainer_state.json", json.dumps({"log_history": [{"step": 1, "loss": 2.0}], "max_steps": 9}))
    source = TrainerState(path)
    assert source.poll()
    assert source.run().facts[names.STATUS] == "unknown"
    assert not source.poll()
    history = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]
    write("trainer_state.json", json.dumps({"log_history": history, "max_steps": 9}))
    assert source.poll()
    assert source.run().columns["train/loss"].value.tolist() == [2, 1]


def test_one_that_is_cut_off_gives_the_whole_entries(write):
    text = json.dumps({"epoch": 1.0, "log_history": [{"step": s, "loss": 1.0} for s in range(9)], "max_steps": 9})
    run = read(write("trainer_state.json", text[: text.index('"step": 5')]))
    assert run.columns["train/loss"].step.tolist() == [0, 1, 2, 3, 4]
    assert "the file is cut off: the entries that are whole were read" in run.notes


def test_odd_entries_are_counted(write):
    run = read(write("trainer_state.json", json.dumps({"log_history": [3, {"a": "b"}, {"step": 1, "loss": 1.0}]})))
    assert "2 entries of log_history held no number and were left out" in run.notes
    assert read(write("trainer_state.json", json.dumps({"log_history": {"a": 1}}))).columns == {}


def test_recognition(tmp_path):
    assert READER.recognises(tmp_path / "a.json", b'{"epoch": 1, "log_history": []}')
    assert READER.recognises(tmp_path / "trainer_state.json", b"{")
    assert not READER.recognises(tmp_path / "a.json", b'{"loss": 1}')


@SLOW
@given(place=st.integers(0, 3400))
def test_cut_at_any_byte_it_tells_a_beginning_of_the_whole(place, runs, whole):
    log = (runs / "trainer_state.json").read_bytes()
    run, full = whole(TrainerState, log[:place]), whole(TrainerState, log)
    for name, column in run.columns.items():
        np.testing.assert_array_equal(column.value, full.columns[name].value[: len(column)])


@SLOW
@given(places=st.lists(st.integers(0, 4000), max_size=6))
def test_written_in_any_slices_it_tells_what_it_tells_whole(places, runs, whole, followed, same, cut):
    log = (runs / "trainer_state.json").read_bytes()
    same(followed(TrainerState, cut(log, places)), whole(TrainerState, log))


@SLOW
@given(data=st.binary(max_size=300))
def test_junk_raises_nothing(data, whole):
    whole(TrainerState, b'{"log_history": [' + data)


@pytest.mark.parametrize(
    "text", ['{"log_history": ' + "[" * 20_000, '{"a": ' + '{"b": ' * 20_000, '{"log_history": [' + "[" * 9999]
)
def test_one_that_is_nested_too_deeply_is_refused_for_that(write, text):
    with pytest.raises(Unreadable, match="nested too deeply"):
        read(write("trainer_state.json", text))
