import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.readers import read
from sad_doctor.readers.run_folder import RunFolder, cleaned, recognises
from sad_doctor.record import EVENTS, METRICS, RUN, Recorder

SLOW = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def test_the_fixture_is_read(runs):
    run = read(runs / "healthy")
    assert run.format == "run folder"
    assert run.name == "healthy"
    assert run.facts[names.STATUS] == "finished"
    assert run.fact(names.TOTAL_STEPS) == 400
    assert run.last_step == 400
    assert len(run.columns[names.LOSS]) == 200
    assert run.columns[names.EVAL_LOSS].step.tolist() == list(range(0, 401, 50))
    assert [event.kind for event in run.events] == ["start", "checkpoint", "checkpoint", "end"]
    assert run.notes == ()


def test_the_fixture_keeps_its_own_arithmetic(runs):
    run = read(runs / "healthy")
    weighted, raw, weight = (run.terms(prefix) for prefix in (names.WEIGHTED, names.RAW, names.WEIGHT))
    total = sum(column.value for column in weighted.values())
    np.testing.assert_allclose(total, run.columns[names.LOSS].value, rtol=1e-6)
    for term, column in weighted.items():
        np.testing.assert_allclose(column.value, raw[term].value * weight[term].value, rtol=1e-6)
    perplexity = run.columns[names.EVAL_PERPLEXITY].value
    np.testing.assert_allclose(perplexity, np.exp(run.columns[names.EVAL_LM_LOSS].value), rtol=1e-5)


def test_events_that_were_written_anew_stand_alone(runs, tmp_path: Path):
    folder = shutil.copytree(runs / "healthy", tmp_path / "run")
    source = RunFolder(folder)
    source.poll()
    assert len(source.run().events) == 4
    (folder / EVENTS).write_text(json.dumps({"kind": "start", "message": "again", "time": 1.0}) + "\n")
    source.poll()
    assert [event.message for event in source.run().events] == ["again"]


def test_a_link_to_the_latest_run_is_that_run(runs, tmp_path: Path):
    shutil.copytree(runs / "healthy", tmp_path / "2026-healthy")
    (tmp_path / "latest").symlink_to("2026-healthy")
    run = read(tmp_path / "latest")
    assert run.name == "2026-healthy"
    assert run.path == tmp_path / "latest"


def test_a_link_that_moves_on_does_not_move_the_source(tmp_path: Path):
    for name in ("a", "b"):
        with Recorder(tmp_path / name) as record:
            record.log(1, {names.LOSS: 1.0 if name == "a" else 2.0})
    (tmp_path / "latest").symlink_to("a")
    source = RunFolder(tmp_path / "latest")
    source.poll()
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").symlink_to("b")
    source.poll()
    assert source.run().columns[names.LOSS].value.tolist() == [1.0]


def test_it_is_followed_as_it_is_written(tmp_path: Path):
    record = Recorder(tmp_path / "run", {names.TOTAL_STEPS: 3})
    source = RunFolder(tmp_path / "run")
    assert source.poll()
    assert source.run().facts[names.STATUS] == "running"
    assert source.run().last_step == -1
    record.log(1, {names.LOSS: math.nan})
    record.event(names.EVENT_WARNING, "look", 1)
    assert source.poll()
    assert np.isnan(source.run().columns[names.LOSS].value).all()
    assert source.run().events[0].message == "look"
    assert not source.poll()
    assert source.run() is source.run()
    record.close()
    assert source.poll()
    assert source.run().facts[names.STATUS] == "finished"


def test_after_a_resume_the_later_values_count(tmp_path: Path):
    with Recorder(tmp_path / "run") as record:
        for step in range(1, 21):
            record.log(step, {names.LOSS: float(step)})
    with Recorder(tmp_path / "run", resume=True) as record:
        record.event(names.EVENT_RESUME, "", 10)
        for step in range(11, 16):
            record.log(step, {names.LOSS: 100.0 + step})
    run = read(tmp_path / "run")
    loss = run.columns[names.LOSS]
    assert loss.step.tolist() == list(range(1, 16))
    assert loss.value.tolist() == [*range(1, 11), *range(111, 116)]
    assert "the step went back 1 time: the later values count" in run.notes


def test_a_metrics_file_that_is_rewritten_starts_again(tmp_path: Path):
    with Recorder(tmp_path / "run") as record:
        for step in range(9):
            record.log(step, {names.LOSS: 1.0})
    source = RunFolder(tmp_path / "run")
    source.poll()
    lines = (tmp_path / "run" / METRICS).read_text().splitlines(keepends=True)
    (tmp_path / "run" / "new").write_text("".join(lines[:4]))
    (tmp_path / "run" / "new").replace(tmp_path / "run" / METRICS)
    assert source.poll()
    assert len(source.run().columns[names.LOSS]) == 4
    assert len(source.run().events) == 0


def test_a_folder_may_lack_a_file(tmp_path: Path):
    (tmp_path / RUN).write_text('{"status": "running"}')
    source = RunFolder(tmp_path)
    source.poll()
    assert source.run().columns == {}
    (tmp_path / METRICS).write_text('{"step": 1, "train/loss": 2.0}\n')
    assert source.poll()
    assert source.run().columns[names.LOSS].last == 2.0


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "\x00\x01", "[" * 100_000])
def test_facts_that_are_no_json_are_said(tmp_path: Path, text):
    (tmp_path / METRICS).write_text('{"step": 1, "train/loss": 2.0}\n')
    (tmp_path / RUN).write_text(text)
    run = read(tmp_path)
    assert run.columns[names.LOSS].last == 2.0
    assert run.facts[names.STATUS] == "unknown"
    assert f"{RUN} cannot be read as JSON: its facts are not known" in run.notes


def test_texts_are_clean_wherever_they_stand(tmp_path: Path):
    nasty = "\x1b]0;evil\x07[/x]\u202e"
    with Recorder(tmp_path / "run", {names.CONFIG: {nasty: [nasty, {"deep": nasty}]}}) as record:
        record.event(nasty, nasty)
        record.log(1, {nasty: 1.0})
    run = read(tmp_path / "run")
    text = repr(run.facts) + repr(run.events) + "".join(run.columns) + "".join(run.notes)
    assert "\\x1b" not in text
    assert "\\u202e" not in text
    assert not set(text) & set("\x1b\x07\u202e")


def test_deep_facts_become_text():
    value: object = "x"
    for _ in range(40):
        value = [value]
    assert "…" in json.dumps(cleaned(value), ensure_ascii=False)


def test_events_that_are_none_are_counted(tmp_path: Path):
    (tmp_path / METRICS).write_text("")
    (tmp_path / EVENTS).write_text('{"kind": 3}\n{"kind": "start", "message": 7, "step": "x"}\nnonsense\n')
    run = read(tmp_path)
    assert [(event.kind, event.message, event.step) for event in run.events] == [("start", "", None)]
    assert f"{EVENTS}: left out: 2 lines without a usable JSON object" in run.notes


def test_recognition(tmp_path: Path):
    assert not recognises(tmp_path)
    (tmp_path / METRICS).write_text("")
    assert not recognises(tmp_path)
    (tmp_path / EVENTS).write_text("")
    assert recognises(tmp_path)


@SLOW
@given(place=st.integers(0, 110_000))
def test_metrics_can_be_cut_at_any_byte(place, runs, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("cut")
    (folder / RUN).write_bytes((runs / "healthy" / RUN).read_bytes())
    (folder / METRICS).write_bytes((runs / "healthy" / METRICS).read_bytes()[:place])
    run, full = read(folder), read(runs / "healthy")
    for name, column in run.columns.items():
        if name != "time":  # an evaluation and a training row of one step: the later time counts
            np.testing.assert_array_equal(column.value, full.columns[name].value[: len(column)])


def test_a_run_that_is_running_is_news_when_it_has_been_silent(tmp_path, monkeypatch):
    clock = [1_700_000_000.0]
    monkeypatch.setattr("sad_doctor.readers.run_folder.time.time", lambda: clock[0])
    with Recorder(tmp_path / "run") as recorder:
        recorder.log(1, {names.LOSS: 3.0})
        source = RunFolder(tmp_path / "run")
        assert source.poll()
        assert not source.poll()
        clock[0] += 61
        assert source.poll()
        assert source.run().fact(names.SEEN) == clock[0]
