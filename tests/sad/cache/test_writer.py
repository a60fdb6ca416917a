"""What is written is what the teacher says; a writer that was stopped ends as one that was not."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sad import tiny
from sad.cache import manifest, writer
from sad.cache.part import HELD_OUT, TRAIN
from sad.cache.reader import open_cache
from sad.cache.writer import Written, check_hashes, plan_parts
from sad.data import collate
from sad.distiller import Distiller
from sad.errors import UserError
from sad.evaluate import likelihood
from sad.train import held_out
from sad.train.plan import Plan
from sad.train.saving.checkpoint import Progress

Write = Callable[..., Any]


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def of(plan: Plan) -> Distiller:
    return Distiller(plan.pair.student, plan.pair.teacher, plan.pair.vocab, plan.recipe.terms)


@pytest.mark.parametrize("sizes", [(320, 320), (400, 320)], ids=["one tokenizer", "two"])
def test_it_is_what_the_teacher_says(tmp_path: Path, written: Write, sizes: tuple[int, int]) -> None:
    heat = {"terms": {"kd": {"temperature": 2.0}, "layerwise": {"weight": 0.1, "layers": 2}}}
    plan = tiny.plan(heat, tiny.pair(*sizes))
    written(plan, tmp_path / "c", k=plan.pair.vocab.student_size, bits=32)
    cache = open_cache(str(tmp_path / "c"))
    for numbers in ([0, 3, 1], [len(plan.train) - 1], [2, 2]):
        batch = plan.batch([[n] for n in numbers])
        live, stored = of(plan).ask_teacher(batch), cache.teacher_output(batch)
        buckets = stored.target.block(slice(None), 2.0)
        whole = torch.full((len(batch.boundaries), plan.pair.vocab.student_size), -torch.inf)
        whole = whole.scatter(-1, buckets.ids, buckets.log_probs)
        torch.testing.assert_close(whole, live.target.block(slice(None), 2.0), rtol=0, atol=2e-5)
        assert set(stored.blocks) == set(live.blocks) == {1, 2}
        for block, states in live.blocks.items():
            torch.testing.assert_close(stored.blocks[block], states, rtol=1e-5, atol=1e-5)


def test_held_out_text_is_kept_at_temperature_1_too_with_the_mapped_mass(tmp_path: Path, written: Write) -> None:
    plan = tiny.plan({"terms": {"kd": {"temperature": 3.0}}})
    written(plan, tmp_path / "c", k=4, bits=32)
    cache = open_cache(str(tmp_path / "c"))
    # the sum was taken in another order of the batches
    assert cache.teacher.nats == pytest.approx(likelihood(of(plan), held_out.batches(plan, Progress())).nats, rel=1e-6)
    (batch, *_) = held_out.batches(plan, Progress())
    live, stored = of(plan).ask_teacher(batch).target, cache.teacher_output(batch).target
    rows = slice(1, 9)
    torch.testing.assert_close(stored.mapped(rows), live.mapped(rows))
    for heat in (1.0, 3.0):
        found = stored.block(rows, heat)
        assert found.ids.shape[1] == plan.pair.vocab.student_size
        right = live.block(rows, heat).gather(-1, found.ids)
        torch.testing.assert_close(found.log_probs, right, rtol=0, atol=2e-5)


def test_a_large_vocabulary_keeps_more_of_held_out_text() -> None:
    plan = tiny.plan()
    examples = {TRAIN: plan.train, HELD_OUT: plan.held_out}
    parts = plan_parts(examples, 50_000, 2.0, blocks=(), width=0, shard_rows=9)
    assert parts[TRAIN].layout.lists == ((2.0, 32),)
    assert parts[HELD_OUT].layout.lists == ((2.0, 512), (1.0, 512))
    assert (parts[TRAIN].layout.bits, parts[HELD_OUT].layout.bits) == (12, 16)
    assert plan_parts(examples, 20, 1.0, blocks=(), width=0, shard_rows=9)[HELD_OUT].layout.lists == ((1.0, 20),)


@pytest.mark.parametrize("at", [1, 3])
def test_a_writer_whose_disk_was_full_goes_on_where_it_was(
    tmp_path: Path, written: Write, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    plan, save, saved = tiny.plan(), manifest.save, list[str]()
    written(plan, tmp_path / "whole", k=5)

    def full(file: Path, content: bytes) -> None:
        if file.suffix == ".rows":
            saved.append(file.name)
        if len(saved) > at:
            raise OSError(errno.ENOSPC, "No space left on device", str(file))
        save(file, content)

    monkeypatch.setattr(manifest, "save", full)
    with pytest.raises(UserError, match=r"cannot be written: .*rows No space left on device; make room, then run the"):
        written(plan, tmp_path / "c", k=5)
    monkeypatch.undo()
    there = len(list((tmp_path / "c").glob("*.rows")))
    assert there == at
    (tmp_path / "c" / ".train-00009.rows.tmp").write_bytes(b"killed")
    done = Written(0)
    written(plan, tmp_path / "c", done, k=5)
    assert files(tmp_path / "c") == files(tmp_path / "whole")
    assert 0 < done.kept < done.rows == sum(len(e.at_student) for e in [*plan.train, *plan.held_out])


def test_another_folder_is_not_written_over(tmp_path: Path, written: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiny.plan()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="is not empty, and holds no cache"):
        written(plan, tmp_path / "mine")
    with pytest.raises(UserError, match=r"thesis\.tex is a file"):
        written(plan, tmp_path / "mine" / "thesis.tex")
    monkeypatch.setattr(writer, "_shard", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written(plan, tmp_path / "half", k=5)
    with pytest.raises(UserError, match=r"half is not a cache of this run: cache\.k, cache\.bits, .* is another"):
        written(plan, tmp_path / "half", k=6)
    with pytest.raises(UserError, match=r"half is not a cache of this run: terms\.kd\.temperature is another; remove"):
        written(tiny.plan({"terms": {"kd": {"temperature": 3.0}}}), tmp_path / "half", k=5)
    (tmp_path / "half" / manifest.PARTIAL).write_text("{")
    with pytest.raises(UserError, match=r"half is not a cache of this run: .*; remove the folder"):
        written(plan, tmp_path / "half", k=5)


def test_a_byte_that_changed_is_found(tmp_path: Path, written: Write) -> None:
    found = written(tiny.plan(), tmp_path / "c", k=5)
    check_hashes(tmp_path / "c", found)
    file = tmp_path / "c" / "train-00000.rows"
    content = bytearray(file.read_bytes())
    content[7] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged: .*train-00000\.rows is not what was written"):
        check_hashes(tmp_path / "c", found)


def test_batches_of_the_writer_do_not_cross_examples(tmp_path: Path, written: Write) -> None:
    """However many go together, a record is the same to float noise."""
    plan = tiny.plan()
    for size, name in ((1, "one"), (3, "three")):
        source = writer.Source(of(plan), plan.pair.readers, {TRAIN: plan.train, HELD_OUT: plan.held_out}, size)
        written(plan, tmp_path / name, source=source, k=5, bits=32)
    one, three = (open_cache(str(tmp_path / name)) for name in ("one", "three"))
    batch = plan.batch([[n] for n in range(len(plan.train))])
    mine, other = (cache.teacher_output(batch).target.block(slice(None), 1.0) for cache in (one, three))
    torch.testing.assert_close(mine.log_probs, other.log_probs, rtol=0, atol=2e-5)
    assert len(collate(plan.train, plan.pair.readers).boundaries) == len(mine.ids)
