"""Training from a cache: without a teacher, the same numbers; a cache of something else is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState, PartialState

from sad import tiny
from sad.cache.part import Records
from sad.cache.reader import open_cache
from sad.errors import UserError
from sad.subjects.processes import on_processes
from sad.train.plan import Plan
from sad_doctor import names

Write, Without = Callable[..., Any], Callable[[Plan, Path], Plan]
TERMS = {"terms": {"kd": {"temperature": 2.0}, "layerwise": {"weight": 0.1}, "contrastive": {"weight": 0.1}}}


def plan_of(**train: Any) -> Plan:
    return tiny.plan({**TERMS, "train": {"eval_every": 3, "max_steps": 6, **train}})


def losses(trained: tiny.Trained) -> list[float]:
    return [line[names.LOSS] for line in trained.record if names.LOSS in line]


def test_all_tokens_in_float32_train_as_the_teacher_does(
    tmp_path: Path, written: Write, without_teacher: Without
) -> None:
    live = plan_of()
    written(live, tmp_path / "c", k=live.pair.vocab.student_size, bits=32)
    cached = without_teacher(plan_of(), tmp_path / "c")
    assert list(cached.pair.teacher.parameters()) == []
    first, second = tiny.train(live), tiny.train(cached)
    assert len(losses(first)) == 6
    assert losses(second) == pytest.approx(losses(first), rel=1e-5)
    torch.testing.assert_close(tiny.weights(cached.pair.student), tiny.weights(live.pair.student), rtol=1e-4, atol=1e-5)
    # the sum was taken in another order of the batches
    assert second.result.teacher.nats == pytest.approx(first.result.teacher.nats, rel=1e-6)
    for mine, theirs in ((first.result.before, second.result.before), (first.result.after, second.result.after)):
        assert theirs.kl == pytest.approx(mine.kl, rel=1e-5)
        assert theirs.mapped == pytest.approx(mine.mapped, rel=1e-5)
        assert theirs.agreement == mine.agreement
        assert theirs.likelihood.nats == pytest.approx(mine.likelihood.nats, rel=1e-5)
        assert theirs.ledger.raw == pytest.approx(mine.ledger.raw, rel=1e-5)


def test_a_few_tokens_in_few_bits_are_near(tmp_path: Path, written: Write, without_teacher: Without) -> None:
    live = plan_of()
    written(live, tmp_path / "c", k=64)
    first, second = tiny.train(live), tiny.train(without_teacher(plan_of(), tmp_path / "c"))
    assert losses(second) == pytest.approx(losses(first), rel=0.05)
    # the divergence of buckets is at most the whole one
    assert losses(second)[0] <= losses(first)[0]


def test_accumulation_and_resume_change_nothing(tmp_path: Path, written: Write, without_teacher: Without) -> None:
    written(plan_of(), tmp_path / "c", k=8)
    how = {"batch_size": 2, "accumulation": 2, "save_every": 2, "keep_checkpoints": 9}
    whole = without_teacher(plan_of(**how), tmp_path / "c")
    straight = tiny.train(whole, tmp_path / "run")
    one = without_teacher(plan_of(batch_size=4, accumulation=1), tmp_path / "c")
    assert losses(tiny.train(one)) == pytest.approx(losses(straight), rel=1e-5)
    # as if it had been killed after step 2
    for step in (4, 6):
        shutil.rmtree(tmp_path / "run" / "checkpoints" / f"step-{step:08d}")
    again = without_teacher(plan_of(**how), tmp_path / "c")
    resumed = tiny.train(again, tmp_path / "run", resume=True)
    assert resumed.optimizer_steps == 4
    assert torch.equal(tiny.weights(again.pair.student), tiny.weights(whole.pair.student))


def _two(given: tuple[Plan, str]) -> list[float]:
    plan, folder = given
    # the parent has trained, as one process
    AcceleratorState._reset_state(reset_partial_state=True)
    assert PartialState(cpu=True).num_processes == 2
    return losses(tiny.train(replace(plan, cache=open_cache(folder)), Path(folder).parent / "run"))


def test_two_processes_train_as_one(tmp_path: Path, written: Write, without_teacher: Without) -> None:
    written(plan_of(), tmp_path / "c", k=8)
    alone = losses(tiny.train(without_teacher(plan_of(max_steps=3, batch_size=4), tmp_path / "c")))
    pair = without_teacher(plan_of(max_steps=3, batch_size=2), tmp_path / "c")
    together = on_processes(_two, (replace(pair, cache=None), str(tmp_path / "c")), 2)
    assert together[0] == pytest.approx(alone, rel=1e-5)


def test_batches_are_answered_by_the_numbers_of_their_examples(tmp_path: Path, written: Write) -> None:
    plan = plan_of()
    written(plan, tmp_path / "c", k=8)
    cache = open_cache(str(tmp_path / "c"))
    batch = plan.batch([[3], [0]])
    alone = [cache.teacher_output(plan.batch([[n]])) for n in (3, 0)]
    together = cache.teacher_output(batch)
    joined = torch.cat([one.target.block(slice(None), 2.0).ids for one in alone])
    assert torch.equal(together.target.block(slice(None), 2.0).ids, joined)
    assert torch.equal(together.blocks[2], torch.cat([one.blocks[2] for one in alone]))
    assert len(cache.teacher_output(plan.batch([])).target) == 0
    with pytest.raises(ValueError, match=r"boundaries for a batch of"):
        cache.teacher_output(replace(batch, numbers=(3,)))
    with pytest.raises(ValueError, match="training and held-out examples in one batch"):
        cache.teacher_output(replace(batch, numbers=(3, len(plan.train))))
    with pytest.raises(ValueError, match=r"at temperature 2\.0, not 1\.0"):
        together.target.block(slice(None), 1.0)


def test_files_are_mapped_and_not_read(tmp_path: Path, written: Write) -> None:
    plan = plan_of()
    written(plan, tmp_path / "c", k=8)
    records: Records = open_cache(str(tmp_path / "c")).records["train"]
    records.of([0])
    assert records._mapped(0).base is not None
    assert records._mapped.cache_info().currsize == 1


def test_another_cache_is_refused_by_what_differs(tmp_path: Path, written: Write) -> None:
    written(plan_of(), tmp_path / "c", k=8)
    cache = open_cache(str(tmp_path / "c"))
    cache.check_layers({2})
    with pytest.raises(UserError, match=r"no states of block 0, 1 of the teacher.*--states --cache FOLDER, or give"):
        cache.check_layers({0, 1, 2})
    cache.check({})
    with pytest.raises(UserError, match=r"c is not a cache of this run: terms\.kd\.temperature is another; put back"):
        cache.check({"temperature": 7.0})
    (tmp_path / "c" / "train-00000.rows").write_bytes(b"short")
    with pytest.raises(UserError, match=r"damaged: .*train-00000\.rows has 5 bytes"):
        open_cache(str(tmp_path / "c"))
    with pytest.raises(UserError, match="holds no cache of a teacher"):
        open_cache(str(tmp_path / "nowhere"))


def test_what_it_is_is_told_with_what_held_out_scores_are(tmp_path: Path, written: Write) -> None:
    written(plan_of(), tmp_path / "c", k=8)
    cache = open_cache(str(tmp_path / "c"))
    assert "8 tokens and the rest, " in cache.told()
    assert "at most the true one" not in cache.told()
