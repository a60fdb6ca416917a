import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.check import check
from sad_doctor.readers import read
from sad_doctor.record import EVENTS, METRICS, RUN, Recorder, dumps, replace_text, spell


def lines(path: Path) -> list[dict[str, object]]:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_is_logged_is_read_again(tmp_path: Path):
    with Recorder(tmp_path / "run", {names.TOTAL_STEPS: 2, names.CONFIG: {"rate": 1e-4}}) as record:
        record.log(1, {names.LOSS: 2.5, names.LEARNING_RATE: 1e-4})
        record.log(2, {names.LOSS: 1 / 3, names.GRAD_NORM: math.inf})
        record.event(names.EVENT_CHECKPOINT, "checkpoint-2", 2)
    run = read(tmp_path / "run")
    assert run.columns[names.LOSS].value.tolist() == [2.5, 1 / 3]
    assert run.columns[names.LOSS].step.tolist() == [1, 2]
    assert run.columns[names.GRAD_NORM].value.tolist() == [math.inf]
    assert [(event.kind, event.message, event.step) for event in run.events] == [("checkpoint", "checkpoint-2", 2)]
    assert run.facts[names.STATUS] == "finished"
    assert run.facts[names.CONFIG] == {"rate": 1e-4}
    assert run.fact(names.HEARTBEAT) >= run.fact(names.STARTED)


columns = st.sampled_from([names.LOSS, names.GRAD_NORM, "train/raw/kd", "eval/loss", "mine"])
logged = st.lists(st.dictionaries(columns, st.floats(), min_size=1), max_size=20)


@settings(deadline=None, max_examples=40)
@given(rows=logged)
def test_every_float_comes_back_to_the_bit(rows: list[Mapping[str, float]], tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("run")
    with Recorder(folder) as record:
        for step, row in enumerate(rows):
            record.log(step, row)
    run = read(folder)
    for name in {name for row in rows for name in row}:
        expected = [(step, row[name]) for step, row in enumerate(rows) if name in row]
        np.testing.assert_array_equal(run.columns[name].step, [step for step, _ in expected])
        np.testing.assert_array_equal(run.columns[name].value, [value for _, value in expected])


def test_every_line_is_strict_json(tmp_path: Path):
    with Recorder(tmp_path, {"worst": math.nan}) as record:
        record.log(1, {"a": math.nan, "b": math.inf, "c": -math.inf})
        record.event("warning", "two\nlines and \u2028 more", 1)
    row = lines(tmp_path / METRICS)[0]
    assert (row["a"], row["b"], row["c"]) == ("NaN", "Infinity", "-Infinity")
    assert len((tmp_path / EVENTS).read_bytes().splitlines()) == 1
    assert json.loads((tmp_path / RUN).read_text())["worst"] == "NaN"


def test_scalars_of_any_library_are_numbers(tmp_path: Path):
    class Tensor:
        def item(self) -> float:
            return math.nan

    with Recorder(tmp_path) as record:
        record.log(np.int64(3), {"a": np.float32(0.5), "b": Tensor(), "c": np.float64(0.1)})
    assert lines(tmp_path / METRICS)[0] | {"time": 0} == {"step": 3, "time": 0, "a": 0.5, "b": "NaN", "c": 0.1}


def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path):
    with Recorder(tmp_path) as record:
        with pytest.raises(TypeError):
            record.log(1, {"a": object()})  # type: ignore[dict-item]
        record.log(2, {"a": 1.0})
    assert [row["step"] for row in lines(tmp_path / METRICS)] == [2]


@pytest.mark.parametrize(("step", "value"), [("a", 1.0), (None, 1.0), (1, "x"), (1, [1.0]), (1, {"a": 1.0})])
def test_words_are_no_numbers(tmp_path: Path, step: Any, value: Any):
    with Recorder(tmp_path) as record:
        with pytest.raises(
            TypeError, match=r"^(step|loss) is no number but \w+: log takes numbers, event takes words$"
        ):
            record.log(step, {"loss": value})
        record.log(2, {"loss": 1, "scalar": np.float32(2.5), "none": None})
    assert [{**row, "time": 0} for row in lines(tmp_path / METRICS)] == [
        {"step": 2, "time": 0, "loss": 1, "scalar": 2.5, "none": None}
    ]


def test_spelling_goes_into_mappings_and_lists():
    assert spell({"a": [math.nan, (math.inf, 1)], 3: "x"}) == {"a": ["NaN", ["Infinity", 1]], "3": "x"}
    assert dumps({"é": 1.5}) == '{"é":1.5}'


def test_bytes_that_are_no_text_do_not_stop_it(tmp_path: Path):
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    with Recorder(tmp_path, {"file": odd}) as record:
        record.event("warning", odd)
    assert lines(tmp_path / EVENTS)[0]["message"] == odd
    assert read(tmp_path).events[0].message == "caf\ufffd"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ValueError("no"), "crashed", names.EVENT_CRASH),
        (KeyboardInterrupt(), "interrupted", names.EVENT_INTERRUPT),
        (SystemExit(1), "interrupted", names.EVENT_INTERRUPT),
    ],
)
def test_how_a_run_ended_is_told(tmp_path: Path, error, status, kind):
    def train() -> None:
        with Recorder(tmp_path) as record:
            record.log(1, {names.LOSS: 1.0})
            raise error

    with pytest.raises(type(error)):
        train()
    run = read(tmp_path)
    assert run.facts[names.STATUS] == status
    assert run.events[-1].kind == kind
    assert run.events[-1].message.startswith(type(error).__name__)


def test_closing_twice_changes_nothing(tmp_path: Path):
    record = Recorder(tmp_path)
    record.close("interrupted")
    record.close("finished")
    assert read(tmp_path).facts[names.STATUS] == "interrupted"


def test_half_a_line_of_a_killed_writer_is_dropped(tmp_path: Path):
    with Recorder(tmp_path) as record:
        record.log(1, {"a": 1.0})
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 2, "a": 2')
    with Recorder(tmp_path, resume=True) as record:
        record.log(2, {"a": 20.0})
    assert [(row["step"], row["a"]) for row in lines(tmp_path / METRICS)] == [(1, 1.0), (2, 20.0)]


def test_a_file_of_one_endless_half_line_is_emptied(tmp_path: Path):
    (tmp_path / METRICS).write_bytes(b"x" * 200_000)
    with Recorder(tmp_path, resume=True) as record:
        record.log(1, {"a": 1.0})
    assert len(lines(tmp_path / METRICS)) == 1


def test_a_resumed_run_keeps_its_start_and_its_facts(tmp_path: Path):
    with Recorder(tmp_path, {"seed": 7}):
        pass
    started = read(tmp_path).facts[names.STARTED]
    with Recorder(tmp_path, {names.TOTAL_STEPS: 5}, resume=True):
        assert read(tmp_path).facts[names.STATUS] == "running"
    facts = read(tmp_path).facts
    assert (facts[names.STARTED], facts["seed"], facts[names.TOTAL_STEPS]) == (started, 7, 5)


def _crashed(folder: Path, **how: bool) -> None:
    with Recorder(folder, {"seed": 7}, **how) as record:
        for step in range(1, 40):
            record.log(step, {names.LOSS: 5.0})
        raise RuntimeError("boom")


@pytest.mark.parametrize("resume", [False, True])
def test_the_crash_of_a_run_is_not_told_of_the_next_one(tmp_path: Path, resume: bool):
    with pytest.raises(RuntimeError):
        _crashed(tmp_path)
    assert "R501" in [finding.rule for finding in check(read(tmp_path)).findings]

    with Recorder(tmp_path, resume=resume) as record:
        if resume:
            record.event(names.EVENT_RESUME, "", 30)
        for step in range(31, 61):
            record.log(step, {names.LOSS: 4.0})
    run = read(tmp_path)
    assert run.facts[names.STATUS] == "finished"
    assert "R501" not in [finding.rule for finding in check(run).findings]
    assert run.columns[names.LOSS].step.tolist() == list(range(1 if resume else 31, 61))
    assert run.facts.get("seed") == (7 if resume else None)


def test_an_earlier_run_is_set_aside_whole_and_none_is_lost(tmp_path: Path):
    for _ in range(2):
        with pytest.raises(RuntimeError):
            _crashed(tmp_path)
    (tmp_path / "earlier-3").mkdir()
    Recorder(tmp_path)  # a killed one says that it is running
    with Recorder(tmp_path) as record:
        record.log(1, {names.LOSS: 1.0})

    assert len(read(tmp_path).columns[names.LOSS]) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [f"earlier-{n}" for n in range(1, 5)]
    for number in (1, 2):
        old = read(tmp_path / f"earlier-{number}")
        assert (len(old.columns[names.LOSS]), old.facts[names.STATUS]) == (39, "crashed")
        assert [event.kind for event in old.events] == [names.EVENT_CRASH]


def test_a_text_is_replaced_whole(tmp_path: Path):
    path = tmp_path / "a.json"
    replace_text(path, "old")
    replace_text(path, "new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_record_that_was_replaced_is_gone_on_with(tmp_path: Path) -> None:
    with Recorder(tmp_path) as record:
        for step in (1, 2, 3):
            record.log(step, {"x": step})
        record.event("warning", "told", 3)
        replace_text(tmp_path / METRICS, (tmp_path / METRICS).read_text().splitlines(keepends=True)[0])
        replace_text(tmp_path / EVENTS, "")
        record.reopen()
        record.log(2, {"x": 9})
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [(line["step"], line["x"]) for line in lines] == [(1, 1), (2, 9)]
    assert (tmp_path / EVENTS).read_text() == ""
