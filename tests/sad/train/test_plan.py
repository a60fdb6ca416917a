"""What is decided before the first step."""

from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sad import tiny
from sad.data import Streamed, pools, segments
from sad.errors import UserError
from sad.recipe.schema import load, parse
from sad.text import sources
from sad.train import plan as plans
from sad.train.command import run_train
from sad.train.plan import Plan, choose_device, make_plan
from sad_doctor import names


def made(folder: Path, processes: int = 1, **train: Any) -> Plan:
    tree = {
        "teacher": {"model": str(folder / "teacher")},
        "student": {"model": str(folder / "student")},
        "data": {"text": str(folder / "text.txt"), "held_out": 0.2, "max_length": 32, "eval_windows": 5},
        "train": {"device": "cpu", "precision": "fp32", "batch_size": 4, **train},
    }
    return make_plan(parse(tree, "test"), processes)


def test_steps_are_epochs_over_examples_and_the_cap_cuts_them(pair_folder: Path) -> None:
    found = made(pair_folder, epochs=2.5, accumulation=2)
    assert found.steps == math.ceil(2.5 * math.ceil(len(found.train) / 8))
    assert made(pair_folder, epochs=2.5, max_steps=3).steps == 3
    assert made(pair_folder, epochs=1e-6).steps == 1
    assert made(pair_folder, epochs=1e6, max_steps=3).steps == 3
    assert made(pair_folder, processes=2, epochs=1).steps == math.ceil(len(found.train) / 8)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"kd": {"divergence": "reverse_kl"}}, r"^terms\.kd\.divergence: reverse KL is infinite"),
        ({"layerwise": {"layers": [[9, 0]]}}, r"the pair \[9, 0\] names block 9 of the student"),
        ({"attention": {"weight": 1.0, "layers": [[0, 9]]}}, r"the pair \[0, 9\] names block 9 of the teacher"),
    ],
)
def test_terms_that_the_pair_cannot_have_are_refused_before_a_run_is_made(terms: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        make_plan(parse({"terms": terms}, "test"))


def test_a_folder_of_text_is_searched_once_from_the_command_line_to_the_plan(
    pair_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_bytes((pair_folder / "text.txt").read_bytes())
    searched: list[str] = []
    walk = os.walk
    monkeypatch.setattr(sources.os, "walk", lambda folder: searched.append(str(folder)) or walk(folder))
    flags = {"teacher.model": str(pair_folder / "teacher"), "student.model": str(pair_folder / "student")}
    flags |= {"data.text": str(tmp_path / "texts"), "data.max_length": 32, "output.folder": str(tmp_path / "runs")}
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert run_train(None, flags, [], None, dry_run=True) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert searched == [str(tmp_path / "texts")]


def test_held_out_windows_are_few_and_not_trained_on(pair_folder: Path) -> None:
    found = made(pair_folder)
    assert len(found.held_out) == 5
    assert len(found.train) > 20


@pytest.mark.parametrize(("short", "told"), [("text", "the training text"), ("held_out", "the held-out text")])
def test_a_text_without_a_window_is_named(pair_folder: Path, tmp_path: Path, short: str, told: str) -> None:
    (tmp_path / "short.txt").write_text("a", encoding="utf-8")
    texts = {"text": str(pair_folder / "text.txt"), "held_out": str(pair_folder / "text.txt")}
    tree = {
        "teacher": {"model": str(pair_folder / "teacher")},
        "student": {"model": str(pair_folder / "student")},
        "data": {**texts, short: str(tmp_path / "short.txt")},
    }
    with pytest.raises(UserError, match=f"^{told} is too short"):
        make_plan(parse(tree, "test"))


def test_a_stream_is_prepared_as_far_as_its_first_steps_go(
    pair_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FIRST", 1)
    monkeypatch.setattr(segments, "MOST", 1)

    def streamed(**train: Any) -> Plan:
        data = {"text": str(pair_folder / "text.txt"), "held_out": 2, "max_length": 32, "streaming": True}
        models = {name: {"model": str(pair_folder / name)} for name in ("teacher", "student")}
        how = {"device": "cpu", "precision": "fp32", "batch_size": 4, **train}
        return make_plan(parse({**models, "data": {**data, "cache": str(tmp_path)}, "train": how}, "test"), 2)

    grows = streamed(max_steps=50)
    assert isinstance(grows.train, Streamed)
    assert (grows.grows, grows.steps, grows.schedule(2).per_step) == (True, 50, 8)
    assert grows.facts()["stream"] == "as far as it was prepared"
    there = len(grows.train)
    assert there >= 8 * 8
    assert grows.train.fingerprint == streamed(max_steps=50).fingerprint
    # all of it, which the steps do not take
    assert len(grows.whole().train) > there
    assert not grows.grows
    # the end comes before the first step: steps are counted as for any text
    short = streamed(max_steps=50, accumulation=4, epochs=2.0)
    assert not short.grows
    assert short.steps == 2 * short.schedule(2).steps_per_epoch < 50
    assert len(short.train) == len(grows.train)
    assert "stream" not in short.facts()
    with pytest.raises(UserError, match=r"set train\.max_steps"):
        streamed()


@pytest.mark.parametrize("packing", [False, True])
def test_the_answers_of_a_teacher_do_for_as_many_windows_of_a_stream_as_there_are_of_them(
    pair_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: bool
) -> None:
    """However many processes share the steps: the windows are the same, and the steps too."""
    monkeypatch.setattr(segments, "FIRST", 1)
    monkeypatch.setattr(segments, "MOST", 1)
    monkeypatch.setattr(pools, "FIRST", 2)
    text = (pair_folder / "text.txt").read_text(encoding="utf-8")
    (tmp_path / "text.jsonl").write_text(
        "\n".join(
            json.dumps({"text": f"{at} {text[31 * at : 31 * at + (60 if packing else 90)]}"}) for at in range(60)
        ),
        encoding="utf-8",
    )

    def streamed(processes: int, batch_size: int, answers: int | None = None, **train: Any) -> Plan:
        data = {"text": str(tmp_path / "text.jsonl"), "held_out": 2, "max_length": 64, "streaming": True}
        models = {name: {"model": str(pair_folder / name)} for name in ("teacher", "student")}
        how = {"device": "cpu", "precision": "fp32", "max_steps": 3, "packing": packing, **train}
        tree = {**models, "data": {**data, "cache": str(tmp_path)}, "train": {**how, "batch_size": batch_size}}
        cached = {} if answers is None else {"cache": {"path": str(tmp_path / "kept")}}
        stand_in = SimpleNamespace(first_held_out=answers, folder=tmp_path / "kept")
        with monkeypatch.context() as patched:
            patched.setattr(plans, "open_cache", lambda _: stand_in)
            patched.setattr(plans, "check_cache", lambda *_: None)
            patched.setattr(plans, "absent_teacher", lambda _: None)
            return make_plan(parse({**tree, **cached}, "test"), processes)

    written = streamed(1, 4).whole()
    there = len(written.train)
    assert packing == any(len(row) > 1 for step in range(3) for row in written.schedule().taken(step))
    for of, processes in ((streamed(2, 2, there), 2), (streamed(1, 4, there, max_steps=2), 1)):
        # all of them, and no more
        assert of.fingerprint == written.fingerprint
        assert of.steps == of.recipe.train.max_steps
        for step in range(of.steps):
            mine, theirs = (one.taken(step) for one in (of.schedule(processes), written.schedule()))
            assert [row.tolist() for row in mine] == [row.tolist() for row in theirs]
    told = (
        rf"kept has {there} windows of the stream, and 3 steps of 8 on 2 processes need \d+: write another with: sad "
    )
    with pytest.raises(UserError, match=told + r"cache --cache FOLDER --set train\.accumulation=2 and else the same"):
        streamed(2, 4, there)
    more = streamed(1, 4, accumulation=2).whole()
    assert streamed(2, 4, len(more.train)).fingerprint == more.fingerprint
    with pytest.raises(UserError, match=r"kept has \d+ windows .*, and 9 steps of 4 need"):
        streamed(1, 4, there, max_steps=9)


def test_rows_of_several_windows_are_fewer(pair_folder: Path) -> None:
    alone, rows = made(pair_folder), made(pair_folder, packing=True)
    assert rows.schedule().size < alone.schedule().size == len(alone.train)
    assert rows.steps < alone.steps


def test_coverage_is_the_share_of_labels_at_a_boundary() -> None:
    found = tiny.plan()
    labels = sum(len(e.student) - 1 - int(e.at_student[0]) for e in found.train)
    boundaries = sum(len(e.at_student) for e in found.train)
    assert found.coverage == boundaries / labels
    assert 0 < found.coverage < 1
    assert tiny.plan(of=tiny.pair(400, 400)).coverage == 1.0


def test_evaluations_and_checkpoints_are_spread_over_the_run() -> None:
    by_default = tiny.plan({"train": {"max_steps": 100}})
    assert (by_default.eval_every, by_default.save_every) == (10, 20)
    asked = tiny.plan({"train": {"max_steps": 100, "eval_every": 7, "save_every": 3}})
    assert (asked.eval_every, asked.save_every) == (7, 3)
    short = tiny.plan({"train": {"max_steps": 2}})
    assert (short.eval_every, short.save_every) == (1, 1)


def test_the_schedule_is_that_of_the_recipe() -> None:
    schedule = tiny.plan({"train": {"accumulation": 3, "seed": 5}}).schedule(2)
    assert (schedule.batch_size, schedule.accumulation, schedule.seed, schedule.processes) == (2, 3, 5, 2)
    assert schedule.size == len(tiny.plan().train)


def test_facts_tell_of_the_alignment() -> None:
    found = tiny.plan()
    assert found.facts() == {
        "coverage": found.coverage,
        "mapped_tokens": found.pair.vocab.mapped,
        "same_tokenizer": False,
        "student_vocabulary": 320,
        "teacher_vocabulary": 400,
        "train_windows": len(found.train),
        "held_out_windows": len(found.held_out),
    }


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_teacher_is_loaded_in_the_precision_of_the_run(
    pair_folder: Path, precision: str, dtype: torch.dtype
) -> None:
    found = made(pair_folder, precision=precision)
    assert found.precision == precision
    assert {p.dtype for p in found.pair.teacher.parameters()} == {dtype}
    assert {p.dtype for p in found.pair.student.parameters()} == {torch.float32}


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(UserError, match=r"train\.device is cuda"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cuda"
    assert choose_device("cpu") == "cpu"


def test_a_cache_takes_the_teachers_place(pair_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weight of the teacher is loaded; what the cache is not of is refused."""
    from sad import pair as pairs
    from sad.cli.cache_teacher import cache_teacher

    tree = {
        "teacher.model": str(pair_folder / "teacher"),
        "student.model": str(pair_folder / "student"),
        "data.text": str(pair_folder / "text.txt"),
        "data.held_out": 0.2,
        "data.max_length": 32,
        "train.device": "cpu",
        "train.precision": "fp32",
        "cache.path": str(tmp_path / "c"),
        "cache.k": 4,
    }
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert cache_teacher(None, tree, [], dry_run=False) == 0
    # who is asked beforehand need not be able to read several texts in a row
    rows, checked = {**tree, "train.packing": True, "train.max_steps": 1}, list[str]()
    with monkeypatch.context() as patched:
        patched.setattr(plans, "check_packing", lambda _model, name, _length: checked.append(name))
        assert cache_teacher(None, {**rows, "cache.path": str(tmp_path / "d")}, [], dry_run=True) == 0
        make_plan(load(None, {key: of for key, of in rows.items() if not key.startswith("cache.")}))
    assert checked == ["student", "teacher", "student"]
    monkeypatch.setattr(pairs, "load_teacher", lambda *_: 1 / 0)
    found = make_plan(load(None, tree))
    assert found.cache is not None
    assert list(found.pair.teacher.parameters()) == []
    assert "teacher_cache" in found.facts()
    assert found.layers == {2}
    # it has no weights to be asked whether it may read several texts in a row: it has read each by itself
    packed = make_plan(load(None, rows))
    assert math.isfinite(tiny.train(packed).record[-1][names.EVAL_KL])
    assert make_plan(load(None, {**tree, "terms.kd.weight": 0, "terms.kd.temperature": 9.0})).cache is not None
    for key, value, told in (
        ("terms.kd.temperature", 2.0, "terms.kd.temperature is another"),
        ("cache.k", 5, "cache.k is another"),
        ("cache.bits", 16, "cache.bits is another"),
        ("data.eval_windows", 3, "the held-out examples are others"),
        ("data.max_length", 40, "the training examples are others .* [(]and 1 more: the held-out"),
    ):
        with pytest.raises(UserError, match=f"is not a cache of this run: {told}"):
            make_plan(load(None, {**tree, key: value}))
