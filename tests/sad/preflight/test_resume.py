from __future__ import annotations

import os
import signal
import tempfile
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from sad import tiny
from sad.preflight import resume as module
from sad.preflight.finding import Level
from sad.preflight.resume import resume
from sad.train import loop
from sad.train.plan import Plan
from sad.train.saving import checkpoint


def by_topic(findings):
    return {f.topic: f for f in findings}


def test_a_run_resumes_bit_for_bit_and_its_student_reloads(bench) -> None:
    made = bench({"shares": {"kd": 50, "lm": 30, "layerwise": 20}})
    before = tiny.weights(made.plan.pair.student)
    found = {f.topic: f for f in resume(made)}
    assert {t: f.level for t, f in found.items()} == dict.fromkeys(
        ("data order", "save and reload", "resume"), Level.FINE
    )
    assert found["save and reload"].numbers["apart"] == 0
    assert torch.equal(before, tiny.weights(made.plan.pair.student))


def test_a_checkpoint_without_the_optimizers_state_is_wrong(bench, wrong, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "_restore", lambda *_: None)
    (found,) = wrong(resume(bench()))
    assert found.topic == "resume"
    assert "distiller.safetensors" in found.says
    assert found.numbers["apart"] > 0


@pytest.fixture
def as_on_cuda(monkeypatch):
    """Judge as where sums are not the same twice; ``noise`` is added to what was saved last, as a share of the way."""

    def of(noise=0.0):
        kept = module._compared

        def compared(straight, resumed, _device="cpu"):
            last = checkpoint.newest(resumed) / checkpoint.MODEL
            first = min((resumed / checkpoint.FOLDER).iterdir(), key=lambda folder: folder.name) / checkpoint.MODEL
            before, now = load_file(first), load_file(last)
            save_file({name: w + noise * (w - before[name]) for name, w in now.items()}, last)
            return kept(straight, resumed, "cuda")

        monkeypatch.setattr(module, "_compared", compared)

    return of


def test_the_noise_of_a_gpus_sums_is_no_fault(bench, as_on_cuda) -> None:
    as_on_cuda(noise=0.5 * module.NOISE)
    found = by_topic(resume(bench()))["resume"]
    assert found.level is Level.FINE
    assert 0 < found.numbers["apart"] <= module.NOISE


def test_more_than_the_noise_of_a_gpus_sums_is_a_fault(bench, wrong, as_on_cuda) -> None:
    as_on_cuda(noise=2 * module.NOISE)
    assert [f.topic for f in wrong(resume(bench()))] == ["resume"]


def test_moments_that_differ_at_the_end_alone_are_a_fault(bench, wrong, as_on_cuda, monkeypatch) -> None:
    """The weights are the same still; the next step's would not be."""
    kept = checkpoint.save

    def zeroed(folder, progress, *more, **how):
        made = kept(folder, progress, *more, **how)
        if folder.name == "resumed" and progress.step == module.STEPS:
            file = checkpoint.newest(folder) / checkpoint.OPTIMIZER
            save_file({name: 0 * moment for name, moment in load_file(file).items()}, file)
        return made

    monkeypatch.setattr(checkpoint, "save", zeroed)
    as_on_cuda()
    (found,) = wrong(resume(bench()))
    assert found.topic == "resume"
    assert checkpoint.OPTIMIZER in found.says


def test_moments_that_are_lost_are_more_than_the_noise_of_a_gpus_sums(bench, wrong, as_on_cuda, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "_restore", lambda *_: None)
    as_on_cuda()
    (found,) = wrong(resume(bench()))
    assert found.topic == "resume"
    assert found.numbers["apart"] > 10 * module.NOISE


def test_an_order_that_begins_anew_is_wrong(bench, wrong, monkeypatch) -> None:
    """After a resume the data starts again from the first batch."""
    kept = checkpoint.load

    def from_the_start(folder, distiller, optimizer, objective):
        progress = kept(folder, distiller, optimizer, objective)
        torch.manual_seed(99)
        optimizer.param_groups[0]["peak"] *= 0.5
        return progress

    monkeypatch.setattr(checkpoint, "load", from_the_start)
    assert [f.topic for f in wrong(resume(bench()))] == ["resume"]


def test_a_student_that_is_written_in_half_precision_is_another_model(bench, wrong, monkeypatch) -> None:
    kept = loop.export

    def halved(plan, distiller, folder):
        state = {name: value.clone() for name, value in distiller.student.state_dict().items()}
        kept(plan, distiller.half(), folder)
        distiller.float().student.load_state_dict(state)

    monkeypatch.setattr(loop, "export", halved)
    found = wrong(resume(bench()))[0]
    assert found.topic == "save and reload"
    assert 1e-5 < found.numbers["apart"] < 0.1


def test_a_head_of_its_own_is_saved_as_it_is(bench, wrong) -> None:
    student = tiny.model(320, layers=2, width=16, seed=2, tie_word_embeddings=False)
    assert not wrong(resume(bench(of=replace(tiny.pair(), student=student))))


def test_checkpoints_too_large_to_write_are_not_written(bench, monkeypatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000.0)
    assert [f.level for f in resume(bench())] == [Level.SKIPPED, Level.SKIPPED]


def test_another_tokenizer_beside_the_student_is_wrong(bench, wrong, monkeypatch) -> None:
    kept = loop.export

    def mixed(plan, distiller, folder):
        kept(plan, distiller, folder)
        plan.pair.readers.teacher.tokenizer.save_pretrained(folder)

    monkeypatch.setattr(loop, "export", mixed)
    assert "tokenizer" in wrong(resume(bench()))[0].says


def test_a_ctrl_c_ends_the_examination_and_leaves_nothing(bench, monkeypatch, tmp_path) -> None:
    kept = loop.take_step

    def interrupted(*given, **more):
        os.kill(os.getpid(), signal.SIGINT)
        return kept(*given, **more)

    monkeypatch.setattr(loop, "take_step", interrupted)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        list(resume(bench()))
    # torch makes a folder of its own where it is first asked
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("torchinductor")] == []


@pytest.mark.parametrize("accumulation", [1, 4])
def test_every_window_of_a_pass_is_read_once(bench, accumulation) -> None:
    found = by_topic(resume(bench({"train": {"accumulation": accumulation}})))
    micro, order = min(2, accumulation), found["data order"]
    assert order.level is Level.FINE
    assert f"of {micro} micro-batches read {4 * micro} windows" in order.says


def test_a_loop_that_reads_one_window_over_and_over_is_wrong(bench, wrong, monkeypatch) -> None:
    shipped = Plan.batch
    monkeypatch.setattr(Plan, "batch", lambda plan, rows: shipped(plan, [[0] for _ in rows]))
    assert "data order" in {f.topic for f in wrong(resume(bench({"train": {"accumulation": 2}})))}


def test_a_loop_that_takes_one_micro_batch_of_a_step_is_wrong(bench, wrong, monkeypatch) -> None:
    taken = []

    def half(plan, rows, real=Plan.batch):
        taken.append(None)
        return real(plan, rows) if len(taken) % 2 else real(plan, rows[:0])

    monkeypatch.setattr(Plan, "batch", half)
    assert "data order" in {f.topic for f in wrong(resume(bench({"train": {"accumulation": 2}})))}
