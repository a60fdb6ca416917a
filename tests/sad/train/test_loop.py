"""The loop as a whole: every step on record, and a run that was stopped is the run that was never stopped."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sad import tiny
from sad.align.vocab import VocabMap
from sad.data import Readers
from sad.objective import Ledger
from sad.pair import Pair
from sad.train.optimizer import rate_factor
from sad.train.plan import Plan
from sad.train.saving import checkpoint
from sad.train.saving.checkpoint import MODEL, OPTIMIZER, STATE
from sad_doctor import names

OF_THE_MOMENT = ("time", names.TOKENS_PER_SECOND, names.SECONDS, names.MEMORY)
SHARES = {"kd": 50, "lm": 30, "layerwise": 20}


class At(tiny.Silent):
    """Does something when a step is done, or when the first evaluation is."""

    def __init__(self, step: int, act: Callable[[], object]) -> None:
        self._step, self._act = step, act

    def step(self, step: int, _ledger: Ledger, _rate: float) -> None:
        if step == self._step:
            self._act()

    def evaluation(self, step: int, _scores: object) -> None:
        if step == self._step == 0:
            self._act()


def stop(step: int, number: int = signal.SIGTERM) -> At:
    return At(step, lambda: os.kill(os.getpid(), number))


def pair(**of_student: Any) -> Pair:
    made = tiny.pair()
    return Pair(tiny.model(320, layers=2, width=16, seed=2, **of_student), made.teacher, made.readers, made.vocab)


def plan(dropout: float = 0.0, shares: dict[str, int] | None = None, **train: Any) -> Plan:
    changes: dict[str, Any] = {"train": {"max_steps": 20, "eval_every": 4, "save_every": 7, "accumulation": 2, **train}}
    if shares is not None:
        changes["shares"] = shares
    return tiny.plan(changes, of=pair(attention_dropout=dropout))


def recorded(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if not key.startswith(OF_THE_MOMENT)} for line in lines]


def events(folder: Path) -> list[tuple[str, int | None]]:
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [(event["kind"], event.get("step")) for event in map(json.loads, lines)]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"shares": SHARES},
        {"dropout": 0.3},
        {"dropout": 0.3, "shares": SHARES, "batch_size": 1, "accumulation": 3},
    ],
    ids=["plain", "shares", "dropout", "all"],
)
def test_ten_steps_and_ten_are_twenty_to_the_last_bit(tmp_path: Path, how: dict[str, Any]) -> None:
    whole = tiny.train(plan(**how), tmp_path / "whole")
    half = tiny.train(plan(**how), tmp_path / "cut", watch=stop(10))
    assert (half.result.signal, half.result.step) == (signal.SIGTERM, 10)
    rest = tiny.train(plan(**how), tmp_path / "cut", resume=True)
    assert (rest.result.start, rest.result.step, rest.result.signal) == (10, 20, None)
    assert half.optimizer_steps == rest.optimizer_steps == 10

    assert recorded(rest.record) == recorded(whole.record)
    assert rest.result.after == whole.result.after
    last = [checkpoint.newest(tmp_path / name) for name in ("whole", "cut")]
    assert last[0].name == last[1].name == "step-00000020"
    for file in (MODEL, OPTIMIZER):
        left, right = (load_file(folder / file) for folder in last)
        assert left.keys() == right.keys()
        assert all(torch.equal(left[name], right[name]) for name in left)
    assert json.loads((last[0] / STATE).read_text()) == json.loads((last[1] / STATE).read_text())


def test_dropout_is_at_work_in_that_test() -> None:
    with_, without = tiny.train(plan(dropout=0.3, max_steps=2)), tiny.train(plan(max_steps=2))
    first = [next(line[names.LOSS] for line in run.record if names.LOSS in line) for run in (with_, without)]
    assert first[0] != first[1]


def test_a_crash_loses_nothing_but_the_steps_since_the_checkpoint(tmp_path: Path) -> None:
    def fall() -> None:
        raise MemoryError("no room")

    with pytest.raises(MemoryError):
        tiny.train(plan(), tmp_path / "cut", watch=At(10, fall))
    assert names.EVENT_CRASH in dict(events(tmp_path / "cut"))
    # killed in the middle of a line
    with (tmp_path / "cut" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 11, "train/lo')
    rest = tiny.train(plan(), tmp_path / "cut", resume=True)
    assert rest.result.start == 7
    whole = tiny.train(plan(), tmp_path / "whole")
    assert recorded(rest.record) == recorded(whole.record)
    assert torch.equal(
        *(load_file(checkpoint.newest(tmp_path / n) / OPTIMIZER)["random/cpu"] for n in ("cut", "whole"))
    )


@pytest.mark.parametrize("shares", [None, SHARES])
def test_a_run_that_is_stopped_before_its_first_step_goes_on(tmp_path: Path, shares: dict[str, int] | None) -> None:
    early = tiny.train(plan(max_steps=4, shares=shares), tmp_path / "cut", watch=stop(0, signal.SIGINT))
    assert (early.result.signal, early.result.step, early.optimizer_steps) == (signal.SIGINT, 0, 0)
    rest = tiny.train(plan(max_steps=4, shares=shares), tmp_path / "cut", resume=True)
    whole = tiny.train(plan(max_steps=4, shares=shares), tmp_path / "whole")
    assert recorded(rest.record) == recorded(whole.record)


def test_a_run_can_be_stopped_again_and_again(tmp_path: Path) -> None:
    tiny.train(plan(max_steps=6), tmp_path / "cut", watch=stop(2))
    again = tiny.train(plan(max_steps=6), tmp_path / "cut", resume=True, watch=stop(3))
    assert (again.result.start, again.result.step) == (2, 3)
    last = tiny.train(plan(max_steps=6), tmp_path / "cut", resume=True)
    whole = tiny.train(plan(max_steps=6), tmp_path / "whole")
    assert recorded(last.record) == recorded(whole.record)
    kinds = [kind for kind, _ in events(tmp_path / "cut")]
    assert kinds.count(names.EVENT_RESUME) == 2
    assert kinds[-1] == names.EVENT_END


def test_a_signal_in_the_last_step_does_not_undo_the_end(tmp_path: Path) -> None:
    done = tiny.train(plan(max_steps=3), tmp_path, watch=stop(3))
    assert (done.result.signal, done.result.step) == (None, 3)
    assert (tmp_path / "student" / "model.safetensors").is_file()
    assert events(tmp_path)[-1] == (names.EVENT_END, 3)


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    first = tiny.train(plan(max_steps=3), tmp_path)
    again = tiny.train(plan(max_steps=3), tmp_path, resume=True)
    assert again.optimizer_steps == 0
    assert recorded(again.record) == recorded(first.record)
    assert again.result.after == first.result.after


def test_every_step_evaluation_and_checkpoint_is_on_record(tmp_path: Path) -> None:
    done = tiny.train(plan(), tmp_path)
    steps = [line["step"] for line in done.record if names.LOSS in line]
    scored = [line["step"] for line in done.record if names.EVAL_LM_LOSS in line]
    teacher = [line["step"] for line in done.record if names.TEACHER_EVAL_LM_LOSS in line]
    assert steps == list(range(1, 21))
    assert scored == [0, 4, 8, 12, 16, 20]
    assert teacher == [0]
    assert events(tmp_path) == [("start", 0), ("checkpoint", 7), ("checkpoint", 14), ("checkpoint", 20), ("end", 20)]
    assert sorted(p.name for p in (tmp_path / checkpoint.FOLDER).iterdir()) == ["step-00000014", "step-00000020"]


def test_the_record_adds_up_and_the_rate_is_the_formula(tmp_path: Path) -> None:
    done = tiny.train(plan(shares=SHARES), tmp_path)
    train = plan().recipe.train
    for line in done.record:
        if names.LOSS not in line:
            continue
        weighted = [value for key, value in line.items() if key.startswith(names.WEIGHTED)]
        assert sum(weighted) == pytest.approx(line[names.LOSS])
        factor = rate_factor(line["step"] - 1, 20, train.warmup, train.final_learning_rate)
        assert line[names.LEARNING_RATE] == pytest.approx(train.learning_rate * factor)
        assert (names.UPDATE_RATIO in line) == (line["step"] in {1, 2, 3, 4, 5, 10, 20})
        assert line.get(names.UPDATE_RATIO, 1) > 0
        assert math.isfinite(line[names.GRAD_NORM])


def test_target_shares_are_met_from_the_first_evaluation_on() -> None:
    done = tiny.train(plan(shares=SHARES))
    (line,) = [line for line in done.record if line["step"] == 0 and names.EVAL_LOSS in line]
    parts = {n: 100 * line[names.EVAL_WEIGHTED + n] / line[names.EVAL_LOSS] for n in SHARES}
    assert parts == pytest.approx(SHARES)


@pytest.mark.parametrize(("batch_size", "accumulation"), [(4, 1), (1, 4)])
def test_a_run_does_not_depend_on_how_a_step_is_cut(batch_size: int, accumulation: int) -> None:
    # the shares of the gradient are of one micro-batch
    how = {"max_steps": 6, "grad_shares_every": 0}
    expected = tiny.train(plan(batch_size=2, accumulation=2, **how))
    found = tiny.train(plan(batch_size=batch_size, accumulation=accumulation, **how))
    for left, right in zip(recorded(expected.record), recorded(found.record), strict=True):
        assert left == pytest.approx(right, rel=5e-3, abs=1e-6)


def test_the_student_that_is_written_gives_the_same_logits(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    chosen = plan(max_steps=3)
    tiny.train(chosen, tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "student")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "student")
    ids = tokenizer("The sea was calm", return_tensors="pt").input_ids
    own: Any = chosen.pair.student.eval()
    assert torch.equal(loaded.eval()(ids).logits, own(ids).logits)
    assert set(loaded.state_dict()) == set(own.state_dict())
    assert ids[0].tolist() == chosen.pair.readers.student.read(["The sea was calm"])[0].ids.tolist()


def test_bf16_trains_float32_weights(tmp_path: Path) -> None:
    chosen = plan(max_steps=6)
    chosen.pair.teacher.bfloat16()
    half = Plan(chosen.recipe, chosen.pair, chosen.train, chosen.held_out, 6, "bf16", "cpu")
    done = tiny.train(half, tmp_path)
    assert {p.dtype for p in chosen.pair.student.parameters()} == {torch.float32}
    full = tiny.train(plan(max_steps=6))
    for left, right in zip(done.record, full.record, strict=True):
        if names.LOSS in left:
            assert left[names.LOSS] == pytest.approx(right[names.LOSS], rel=0.03)
    assert done.result.after.likelihood.lm_loss < done.result.before.likelihood.lm_loss


def test_a_tokenizer_with_marks_trains_too(sentencepiece: Any) -> None:
    readers = Readers(sentencepiece, tiny.reader(400))
    student = tiny.model(sentencepiece.size, layers=4, width=16, seed=2, tie_word_embeddings=False)
    deeper = Pair(student, tiny.pair().teacher, readers, VocabMap(readers.student, readers.teacher))
    done = tiny.train(tiny.plan({"train": {"max_steps": 5}, "terms": {"layerwise": {"layers": 3}}}, of=deeper))
    assert done.optimizer_steps == 5
    assert done.result.after.likelihood.lm_loss < done.result.before.likelihood.lm_loss


@pytest.mark.parametrize("how", [{"packing": True}, {"buckets": False}, {}], ids=["packed", "any length", "buckets"])
def test_data_made_ahead_changes_no_bit(tmp_path: Path, how: dict[str, Any]) -> None:
    runs = [
        tiny.train(plan(dropout=0.3, max_steps=6, prefetch=ahead, **how), tmp_path / str(ahead)) for ahead in (0, 1, 3)
    ]
    first, *others = (recorded(run.record) for run in runs)
    assert all(other == first for other in others)


def test_a_packed_run_that_was_stopped_is_the_one_that_was_not(tmp_path: Path) -> None:
    whole = tiny.train(plan(packing=True), tmp_path / "whole")
    tiny.train(plan(packing=True), tmp_path / "cut", watch=stop(10))
    rest = tiny.train(plan(packing=True), tmp_path / "cut", resume=True)
    assert recorded(rest.record) == recorded(whole.record)


def test_texts_that_share_rows_have_the_loss_that_they_have_alone(tmp_path: Path) -> None:
    """One step over the whole text: which rows it is put into is nothing to the sum."""
    one_step = {"max_steps": 1, "batch_size": 200, "accumulation": 1}
    lines = [
        next(line for line in tiny.train(plan(**one_step, **how), tmp_path / name).record if names.LOSS in line)
        for name, how in (("rows", {"packing": True}), ("alone", {}))
    ]
    assert lines[0][names.LOSS] == pytest.approx(lines[1][names.LOSS], rel=1e-5)
    assert lines[0][names.TOKENS] == lines[1][names.TOKENS]
    assert lines[0][names.LENGTH] == pytest.approx(lines[1][names.LENGTH])
    assert lines[0][names.GRAD_NORM] == pytest.approx(lines[1][names.GRAD_NORM], rel=1e-4)
