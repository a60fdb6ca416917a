"""Out of memory: smaller micro-batches, the same examples, the same weights as a run that was started with them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sad import tiny
from sad.errors import TrainingError
from sad.pair import Pair
from sad.recipe.schema import Train
from sad.train import loop
from sad.train.guards import Guards
from sad.train.ledger.record import NoRecord
from sad.train.plan import Plan
from sad.train.saving import checkpoint
from sad.train.saving.checkpoint import Progress
from sad.train.watch.out_of_memory import (
    ADVICE,
    NOTE,
    InSharedPassError,
    NoRoom,
    Together,
    forget,
    note,
    noted,
    out_of_memory,
    with_room,
)
from sad_doctor import names


class Small:
    """Raises as torch does when more than so many rows are read at once, from the n-th such reading on."""

    def __init__(self, student: nn.Module, rows: int, kind: type[Exception] = RuntimeError, after: int = 0) -> None:
        self.rows, self.kind, self.left = rows, kind, after
        student.register_forward_pre_hook(self._look, with_kwargs=True)

    def _look(self, _module: nn.Module, _given: Any, named: dict[str, Any]) -> None:
        if named["input_ids"].shape[0] <= self.rows:
            return
        self.left -= 1
        if self.left < 0:
            torch.rand(3)  # what an attempt has drawn must not show afterwards
            raise self.kind("DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes.")


def plan(
    rows: int | None = None, dropout: float = 0.0, kind: type[Exception] = RuntimeError, after: int = 0, **train: Any
) -> Plan:
    made = tiny.pair()
    student = tiny.model(320, layers=2, width=16, seed=2, attention_dropout=dropout)
    chosen = tiny.plan(
        {"train": {"max_steps": 6, "batch_size": 4, "eval_every": 3, "save_every": 3, **train}},
        of=Pair(student, made.teacher, made.readers, made.vocab),
    )
    if rows is not None:
        Small(student.model, rows, kind, after)
    return chosen


def last(run: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    folder = checkpoint.newest(run)
    tensors = {**load_file(folder / checkpoint.MODEL), **load_file(folder / checkpoint.OPTIMIZER)}
    return tensors, json.loads((folder / checkpoint.STATE).read_text())


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize(("rows", "kind"), [(2, RuntimeError), (1, torch.OutOfMemoryError), (1, MemoryError)])
def test_the_weights_are_those_of_the_run_that_was_started_smaller(
    tmp_path: Path, rows: int, kind: type[Exception], dropout: float
) -> None:
    found = tiny.train(plan(rows, dropout, kind), tmp_path / "cut")
    smaller = plan(dropout=dropout, batch_size=rows, accumulation=4 // rows)
    expected = tiny.train(smaller, tmp_path / "small")
    (left, state), (right, plain) = last(tmp_path / "cut"), last(tmp_path / "small")
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert (state.pop("cuts"), plain.pop("cuts")) == (4 // rows, 1)
    assert state == plain
    assert found.optimizer_steps == expected.optimizer_steps == 6
    told = [json.loads(line) for line in (tmp_path / "cut" / "events.jsonl").read_text().splitlines()]
    events = [e for e in told if e["kind"] == names.EVENT_OUT_OF_MEMORY]
    assert len(events) == {2: 1, 1: 2}[rows]
    assert f"{rows} windows a micro-batch in place of 4" in events[-1]["message"]
    line = next(line for line in found.record if names.LOSS in line)
    assert line[names.MICRO_BATCH_CUTS] == 4 // rows


def test_in_the_middle_of_a_run_the_loss_is_the_same_and_it_is_remembered(tmp_path: Path) -> None:
    whole = tiny.train(plan(grad_shares_every=0), tmp_path / "whole")
    # two readings of four rows for the first evaluation, then some steps
    found = tiny.train(plan(2, after=4, grad_shares_every=0, save_every=2), tmp_path / "cut")
    for left, right in zip(whole.record, found.record, strict=True):
        if names.LOSS in left:
            assert left[names.LOSS] == pytest.approx(right[names.LOSS], rel=1e-4)
    cuts = [line.get(names.MICRO_BATCH_CUTS, 1) for line in found.record if names.LOSS in line]
    assert cuts[0] == 1
    assert cuts[-1] == 2
    assert cuts == sorted(cuts)
    state = last(tmp_path / "cut")[1]
    assert state["cuts"] == 2
    rest = tiny.train(plan(2, max_steps=8, grad_shares_every=0), tmp_path / "cut", resume=True)
    assert [line[names.MICRO_BATCH_CUTS] for line in rest.record if line.get("step", 0) > 6 and names.LOSS in line] == [
        2,
        2,
    ]
    told = (tmp_path / "cut" / "events.jsonl").read_text()
    assert told.count(names.EVENT_OUT_OF_MEMORY) == 1


def test_one_window_too_many_is_one_line() -> None:
    with pytest.raises(TrainingError, match="out of memory with one window a micro-batch") as error:
        tiny.train(plan(0))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("not enough memory"), False),
    ],
)
def test_which_errors_are_a_lack_of_memory(error: Exception, is_one: bool) -> None:
    assert out_of_memory(error) == is_one


def test_other_errors_are_let_out_at_once() -> None:
    def attempt() -> None:
        raise ValueError("wrong")

    progress = Progress()
    with pytest.raises(ValueError, match="wrong"):
        with_room(progress, 8, attempt, lambda: None, lambda _: None)
    assert progress.cuts == 1


def test_what_one_process_alone_met_in_a_shared_pass_is_not_tried_again() -> None:
    def attempt() -> None:
        raise MemoryError

    with pytest.raises(InSharedPassError, match="in a pass that the processes share"):
        with_room(Progress(), 8, attempt, lambda: None, lambda _: None, shared=True)


def test_a_run_in_pieces_that_ends_for_it_goes_on_with_smaller_micro_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a run whose weights are in pieces, which can take no step again: it ends, and leaves word."""
    with monkeypatch.context() as in_pieces:
        in_pieces.setattr(loop.sharded, "in_pieces", lambda _: True)
        for after, way in ((0, "halve train.batch_size"), (4, "go on with half the micro-batch: sad train --resume")):
            with pytest.raises(TrainingError, match="in a pass that the processes share") as told:
                tiny.train(plan(3, after=after), tmp_path / str(after))
            assert way in str(told.value)
            assert "\n" not in str(told.value)
    assert not (tmp_path / "0" / NOTE).exists()
    rest = tiny.train(plan(3), tmp_path / "4", resume=True)
    tiny.train(plan(), tmp_path / "whole")
    assert {line[names.MICRO_BATCH_CUTS] for line in rest.record if names.MICRO_BATCH_CUTS in line} == {2}
    # it did not find that out for itself
    assert names.EVENT_OUT_OF_MEMORY not in (tmp_path / "4" / "events.jsonl").read_text()
    (mine, _), (theirs, _) = last(tmp_path / "4"), last(tmp_path / "whole")
    assert all(torch.allclose(mine[name], theirs[name], atol=1e-5) for name in theirs)
    # what a checkpoint holds is not said twice
    assert not (tmp_path / "4" / NOTE).exists()
    assert last(tmp_path / "4")[1]["cuts"] == 2


def test_word_is_of_windows_so_that_a_recipe_that_is_small_enough_is_not_cut(tmp_path: Path) -> None:
    assert note(tmp_path, 4)
    assert [noted(tmp_path, size) for size in (1, 4, 5, 6, 8, 9, 16)] == [1, 1, 2, 2, 2, 2, 4]
    assert note(tmp_path, 1)
    assert [noted(tmp_path, size) for size in (1, 2, 3, 6)] == [1, 2, 2, 4]
    for strange, cuts in (("?", 1), ("-3", 8), ("0", 8), ("9" * 99, 1), ("9" * 100, 1), ("", 1)):
        (tmp_path / NOTE).write_text(strange)
        assert noted(tmp_path, 8) == cuts
    forget(tmp_path)
    forget(tmp_path)
    assert noted(tmp_path, 8) == 1
    # on a full disk nobody leaves word
    assert not note(tmp_path / "nowhere" / "run", 2)
    # nor can anybody take it away where it is no file
    (tmp_path / NOTE).mkdir()
    forget(tmp_path)
    assert noted(tmp_path, 8) == 1


@pytest.mark.parametrize(
    ("size", "cuts", "failures", "way"),
    [
        (8, 1, [MemoryError], 4),
        (8, 2, [MemoryError], 2),
        # what all of them met first has cut it already
        (8, 1, [NoRoom, MemoryError], 2),
        (3, 1, [MemoryError], 1),
        (6, 4, [MemoryError], None),
        (1, 1, [MemoryError], None),
    ],
)
def test_word_is_left_of_half_of_what_did_not_fit(
    tmp_path: Path, size: int, cuts: int, failures: list[type[Exception]], way: int | None
) -> None:
    several: Any = SimpleNamespace(num_processes=2, is_main_process=True)
    guards = Guards(several, Train(batch_size=size), tmp_path, Progress(cuts=cuts), NoRecord(), 3, None)
    left = iter(failures)

    def attempt() -> None:
        raise next(left)

    with pytest.raises(TrainingError) as told:
        guards.with_room(attempt, lambda: None, shared=True)
    assert (way is None) == (ADVICE in str(told.value)) == (not (tmp_path / NOTE).exists())
    if way is not None:
        assert int((tmp_path / NOTE).read_text()) == way


def test_what_all_know_of_is_tried_again() -> None:
    progress, told, cleared = Progress(), [], []

    def attempt() -> int:
        if progress.cuts < 4:
            raise NoRoom("one of the processes")
        return progress.cuts

    assert with_room(progress, 8, attempt, lambda: cleared.append(None), told.append, shared=True) == 4
    assert (len(told), len(cleared)) == (2, 2)


class Two:
    """Two processes, of which the other has so many pieces, or has failed or not."""

    num_processes = 2
    device = "cpu"

    def __init__(self, other: int) -> None:
        self.other = other

    def gather(self, mine: torch.Tensor) -> torch.Tensor:
        return torch.cat([mine, torch.tensor([self.other])])

    def reduce(self, mine: torch.Tensor, _how: str) -> torch.Tensor:
        return mine + self.other


@pytest.mark.parametrize(("mine", "other"), [(True, 0), (False, 1), (True, 1)])
def test_what_fails_on_one_is_known_on_all(mine: bool, other: int) -> None:
    two: Any = Two(other)
    together = Together(two)
    with together.trying():
        if mine:
            raise MemoryError
    with pytest.raises(NoRoom):
        together.agree()


def test_without_a_failure_all_go_on_and_other_errors_are_let_out() -> None:
    two: Any = Two(0)
    together = Together(two)
    with together.trying():
        pass
    together.agree()
    with pytest.raises(ValueError, match="other"), together.trying():
        raise ValueError("other")
