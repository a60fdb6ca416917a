"""What a run puts on record: in the doctor's words, strict JSON, and nothing of steps that will be taken again."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sad import tiny
from sad.evaluate import Likelihood, Scores
from sad.objective import Ledger
from sad.train.ledger.record import NoRecord, Record, facts, forget_after
from sad.train.plan import Plan
from sad.train.saving.checkpoint import Progress
from sad.train.saving.folder import LATEST
from sad.train.step import Step
from sad.train.watch.ending import Ending
from sad_doctor import names

LEDGER = Ledger({"kd": 2.0, "lm": 6.0}, {"kd": 0.5, "lm": 1.0})
DONE = Step(LEDGER, grad_norm=3.0, finite=True, tokens=100, seen=120, texts=4, coverage=0.8, update_ratio=0.01)
SCORES = Scores(Likelihood(math.log(50.0) * 10, 10, 40), kl=0.1, agreement=0.5, mapped=0.9, ledger=LEDGER)


class Watch:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def step(self, step: int, ledger: Ledger, rate: float) -> None:
        self.told.append((step, ledger, rate))

    def evaluation(self, step: int, scores: Scores) -> None:
        self.told.append((step, scores))

    def say(self, line: str) -> None:
        self.told.append(line)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return tiny.plan({"train": {"log_every": 5, "max_steps": 12}})


def lines(folder: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = (folder / name).read_text(encoding="utf-8")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def in_runs(plan: Plan, runs: Path) -> Plan:
    recipe = plan.recipe
    return replace(plan, recipe=recipe.model_copy(update={"output": recipe.output.model_copy(update={"folder": runs})}))


@pytest.mark.parametrize("first", ["step", "saved"])
def test_latest_is_a_run_that_took_a_step_or_can_be_gone_on_with(plan: Plan, tmp_path: Path, first: str) -> None:
    link = tmp_path / LATEST
    earlier, stub = tmp_path / "earlier", tmp_path / "stub"
    stub.mkdir()
    earlier.mkdir()
    link.symlink_to(earlier.name)
    record = Record(stub, in_runs(plan, tmp_path), Watch())
    record.teacher(0, SCORES.likelihood)
    record.evaluation(0, SCORES)
    # refused at its first batch, it would end here
    assert link.resolve() == earlier.resolve()
    if first == "step":
        # also one that is not logged
        record.step(Progress(1, 1), DONE, rate=1e-3, epoch=0.5, seconds=0.25)
    else:
        record.saved(0, stub / "checkpoints" / "0")
    assert link.resolve() == stub.resolve()


def test_a_run_elsewhere_or_gone_on_with_sets_no_link(plan: Plan, tmp_path: Path) -> None:
    for folder, runs, resumed in ((tmp_path / "a", tmp_path / "runs", None), (tmp_path / "b", tmp_path, 3)):
        folder.mkdir()
        Record(folder, in_runs(plan, runs), Watch(), resumed).saved(4, folder / "checkpoints" / "4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_step_is_on_record_in_the_doctors_words(plan: Plan, tmp_path: Path) -> None:
    watch = Watch()
    record = Record(tmp_path, plan, watch)
    record.step(Progress(5, 1, tokens=360), DONE, rate=1e-3, epoch=0.5, seconds=0.25)
    (line,) = lines(tmp_path)
    assert line.pop("time") > 0
    assert line == {
        "step": 5,
        names.LOSS: 7.0,
        names.RAW + "kd": 2.0,
        names.RAW + "lm": 6.0,
        names.WEIGHT + "kd": 0.5,
        names.WEIGHT + "lm": 1.0,
        names.WEIGHTED + "kd": 1.0,
        names.WEIGHTED + "lm": 6.0,
        names.GRAD_NORM: 3.0,
        names.LEARNING_RATE: 1e-3,
        names.TOKENS_PER_SECOND: 400.0,
        names.EPOCH: 0.5,
        names.TOKENS: 360,
        names.LENGTH: 30.0,
        names.COVERAGE: 0.8,
        names.SKIPPED_STEPS: 1,
        names.SKIPPED_SPIKES: 0,
        names.UPDATE_RATIO: 0.01,
    }
    assert watch.told == [(5, LEDGER, 400.0)]


def test_every_fifth_step_the_last_and_each_that_was_left_out(plan: Plan, tmp_path: Path) -> None:
    watch = Watch()
    record = Record(tmp_path, plan, watch)
    bad = replace(DONE, finite=False, grad_norm=math.nan, update_ratio=None)
    for step in range(1, 13):
        record.step(Progress(step), bad if step == 7 else DONE, 1e-3, 0.1, 1.0)
    assert [line["step"] for line in lines(tmp_path)] == [5, 7, 10, 12]
    assert lines(tmp_path)[1][names.GRAD_NORM] == "NaN"
    assert names.UPDATE_RATIO not in lines(tmp_path)[1]
    (event,) = [e for e in lines(tmp_path, "events.jsonl") if e["kind"] == names.EVENT_NON_FINITE]
    assert (event["step"], event["message"]) == (7, "every term is finite, but the gradient is not")
    assert watch.told[1] == f"step 7: {event['message']}; the step was left out"


def test_a_term_that_is_not_finite_is_blamed_by_name(plan: Plan, tmp_path: Path) -> None:
    record = Record(tmp_path, plan, Watch())
    ledger = Ledger({"kd": math.inf, "lm": 1.0}, {"kd": 1.0, "lm": 1.0})
    record.step(Progress(1), replace(DONE, ledger=ledger, finite=False), 1e-3, 0.1, 1.0)
    assert lines(tmp_path, "events.jsonl")[-1]["message"] == "kd is inf"
    assert lines(tmp_path)[0][names.LOSS] == "Infinity"


def test_a_loss_that_is_not_the_sum_of_its_parts_is_told_once(plan: Plan, tmp_path: Path) -> None:
    record = Record(tmp_path, plan, Watch())
    # the parts sum to 7
    for step, trained in enumerate((7.0, 7.005, None, 7.05, 6.0), 1):
        record.step(Progress(step), replace(DONE, trained=trained), 1e-3, 0.1, 1.0)
    warnings = [e for e in lines(tmp_path, "events.jsonl") if e["kind"] == names.EVENT_WARNING]
    told = "the loss that is trained is 7.05, its parts sum to 7"
    assert [(event["step"], event["message"]) for event in warnings] == [(4, told)]


def test_evaluations_of_both_models(plan: Plan, tmp_path: Path) -> None:
    watch = Watch()
    record = Record(tmp_path, plan, watch)
    record.evaluation(3, SCORES)
    record.teacher(0, SCORES.likelihood)
    scored, teacher = lines(tmp_path)
    assert scored[names.EVAL_PERPLEXITY] == pytest.approx(50.0)
    assert scored[names.EVAL_LOSS] == 7.0 == scored[names.EVAL_WEIGHTED + "kd"] + scored[names.EVAL_WEIGHTED + "lm"]
    assert (scored[names.EVAL_KL], scored[names.EVAL_AGREEMENT], scored[names.EVAL_MAPPED]) == (0.1, 0.5, 0.9)
    assert scored[names.EVAL_BITS_PER_BYTE] == teacher[names.TEACHER_EVAL_BITS_PER_BYTE]
    assert teacher[names.TEACHER_EVAL_PERPLEXITY] == pytest.approx(50.0)
    assert watch.told == [(3, SCORES)]


def test_the_life_of_a_run_is_in_its_events(plan: Plan, tmp_path: Path) -> None:
    def told() -> list[tuple[str, int | None]]:
        return [(e["kind"], e.get("step")) for e in lines(tmp_path, "events.jsonl")]

    def status() -> str:
        return json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))[names.STATUS]

    record = Record(tmp_path, plan, Watch())
    assert status() == "running"
    with record.recorder:
        record.saved(4, tmp_path / "step-00000004")
        record.ended(4, Ending(15))
    assert status() == "interrupted"
    again = Record(tmp_path, plan, Watch(), resumed_at=4)
    assert status() == "running"
    with again.recorder:
        again.ended(12, Ending())
    assert status() == "finished"
    assert told() == [
        (names.EVENT_START, 0),
        (names.EVENT_CHECKPOINT, 4),
        (names.EVENT_INTERRUPT, 4),
        (names.EVENT_RESUME, 4),
        (names.EVENT_END, 12),
    ]


def test_a_crash_is_on_record(plan: Plan, tmp_path: Path) -> None:
    record = Record(tmp_path, plan, Watch())
    with pytest.raises(RuntimeError), record.recorder:
        raise RuntimeError("out of memory")
    assert lines(tmp_path, "events.jsonl")[-1]["message"] == "RuntimeError: out of memory"
    assert json.loads((tmp_path / "run.json").read_text())[names.STATUS] == "crashed"


def test_steps_after_the_checkpoint_are_forgotten(tmp_path: Path) -> None:
    for name in ("metrics.jsonl", "events.jsonl"):
        text = "".join(json.dumps({"step": s, "time": s, "x": s}) + "\n" for s in (1, 2, 3, 3, 4))
        (tmp_path / name).write_text(
            text + '{"time": 5, "kind": "warning"}\nnonsense\n[1]\n{"step": 2', encoding="utf-8"
        )
    forget_after(tmp_path, 3)
    for name in ("metrics.jsonl", "events.jsonl"):
        assert [line.get("step") for line in lines(tmp_path, name)] == [1, 2, 3, 3, None]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["events.jsonl", "metrics.jsonl"]


def test_what_is_kept_is_kept_to_the_byte(tmp_path: Path) -> None:
    kept = '{"step":1,"train/loss":"NaN","naïve":"夜"}\n'
    (tmp_path / "metrics.jsonl").write_text(kept + '{"step":2}\n', encoding="utf-8")
    forget_after(tmp_path, 1)
    assert (tmp_path / "metrics.jsonl").read_bytes() == kept.encode()


def test_a_step_that_is_no_number_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step":"x"}\n{"step":[]}\n{"step":1}\n', encoding="utf-8")
    forget_after(tmp_path, 5)
    assert [line["step"] for line in lines(tmp_path)] == [1]


def test_a_folder_without_a_record_is_fine(tmp_path: Path) -> None:
    forget_after(tmp_path, 3)
    assert list(tmp_path.iterdir()) == []


def test_facts_are_plain_json(plan: Plan) -> None:
    found = json.loads(json.dumps(facts(plan), allow_nan=False))
    assert found[names.TOTAL_STEPS] == 12
    assert (found[names.VOCABULARY_SIZE], found[names.TEACHER_VOCABULARY_SIZE]) == (320, 400)
    assert found[names.CONFIG]["train"]["log_every"] == 5
    assert 0 < found[names.ALIGNMENT]["coverage"] < 1
    assert found[names.VERSIONS]["torch"]


def test_the_other_processes_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    silent = NoRecord()
    methods = [name for name in vars(Record) if not name.startswith("_")]
    assert {"step", "evaluation", "saved", "ended"} < set(methods)
    with silent.recorder:
        for name in methods:
            getattr(silent, name)(Progress(1), DONE, 1e-3, 0.1, 1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_goes_on_has_not_ended(tmp_path: Path) -> None:
    """It was killed after its last event, or is gone on with for more steps."""
    told = [{"kind": kind, "step": 4} for kind in (names.EVENT_CHECKPOINT, names.EVENT_INTERRUPT, names.EVENT_END)]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in told), encoding="utf-8")
    forget_after(tmp_path, 4)
    kept = [json.loads(line)["kind"] for line in (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert kept == [names.EVENT_CHECKPOINT, names.EVENT_INTERRUPT]
