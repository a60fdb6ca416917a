# ruff: noqa: ARG001, ARG005
"""The form in which a loss is called, where names leave it open."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from sad.invariants.ignored_rows import ignored_rows
from sad.judge.losses import discover as searching
from sad.judge.losses.call import Call, StoppedError
from sad.judge.losses.discover import CannotRunError, discover
from sad.judge.losses.found import found
from sad.judge.losses.sample import given
from sad.judge.losses.values import Values
from sad.judge.roles import Role, Space
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.target import load, owner
from sad.verdict import Standing

RIGHT = Path(__file__).parents[1] / "right_losses.py"


def form(loss, of=None):
    return discover(Call(loss, of), 0).call.form


def named(name):
    target = f"{RIGHT}:{name}"
    return form(load(target), owner(target))


def test_a_mean_over_two_axes_is_not_taken_for_one_over_rows_alone():
    def centred(student_logits, teacher_logits, labels):
        keep = labels != -100
        target = (teacher_logits - teacher_logits.mean(dim=(0, 1), keepdim=True)).softmax(-1)
        rows = -(target.detach() * student_logits.log_softmax(-1)).sum(-1)
        return (rows * keep).sum() / keep.sum().clamp_min(1)

    it = found(discover(Call(centred), 0), 0)
    assert it.shape.call.form.rank == 3
    verdict = ignored_rows(it.divergence)
    assert verdict.standing is Standing.BROKEN
    assert "the teacher with other logits at rows without a label" in verdict.says


def test_ranks_spaces_chunks_and_outputs():
    assert named("plain").rank == 3
    assert named("cross_entropy_form").rank == 2
    assert named("Fused").rank == 2
    assert (named("input_target").student, named("input_target").teacher) == (Space.LOG_PROBS, Space.PROBS)
    assert named("chunked").chunks == 2
    assert named("outputs").outputs


def test_the_teacher_may_come_first():
    def loss(p, q):
        return F.kl_div(F.log_softmax(q, -1), F.softmax(p, -1), reduction="sum")

    assert form(loss).swapped


def test_a_mask_may_be_of_padding_or_of_what_counts():
    def counts_ones(student_logits, teacher_logits, padding_mask):
        rows = F.kl_div(F.log_softmax(student_logits, -1), F.softmax(teacher_logits, -1), reduction="none").sum(-1)
        return (rows * padding_mask).sum() / padding_mask.sum()

    assert form(counts_ones).flipped


def test_a_temperature_that_is_fixed_inside_is_undone():
    def loss(student_logits, teacher_logits):
        return 16 * F.kl_div((student_logits / 4).log_softmax(-1), (teacher_logits / 4).softmax(-1), reduction="sum")

    shape = discover(Call(loss), 0)
    assert shape.call.form.temperature == 4
    assert "fixed inside" in shape.notes[0]


def test_labels_without_minus_100_for_what_raises_with_them():
    def loss(student_logits, teacher_logits, labels):
        picked = student_logits.log_softmax(-1).gather(-1, labels[..., None])
        kl = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="batchmean")
        return kl - 0.1 * picked.mean()

    assert form(loss).whole


def test_what_never_runs_and_what_ends_the_process():
    def never(student_logits, teacher_logits):
        raise RuntimeError("never")

    with pytest.raises(CannotRunError, match="RuntimeError: never"):
        discover(Call(never), 0)

    def ends(student_logits, teacher_logits):
        raise SystemExit(3)

    with pytest.raises(StoppedError, match="SystemExit"):
        Call(ends)(given(0))
    with pytest.raises(NeedsAdapterError, match="frobnication"):
        discover(Call(lambda student_logits, teacher_logits, frobnication: 0), 0)


def test_logits_through_an_identity_are_the_same_and_ruled_out_tokens_stay_so():
    fused = Call(load(f"{RIGHT}:Fused"))
    shape = discover(fused, 0)
    of = given(0)
    of.student_logits[0, 0, 3] = of.teacher_logits[0, 0, 3] = -torch.inf
    assert torch.isfinite(shape.call(of))


def fixed(student_logits, teacher_logits, labels, *, factor=4):
    soft = F.kl_div((student_logits / 2).log_softmax(-1), (teacher_logits / 2).softmax(-1), reduction="none").sum(-1)
    counts = labels != -100
    soft = soft[counts].mean() * factor
    return 0.5 * soft + 0.5 * F.cross_entropy(student_logits[counts], labels[counts])


def test_a_temperature_that_is_fixed_inside_is_undone_beside_a_label_loss():
    shape = discover(Call(fixed), 0)
    assert shape.call.form.temperature == 2
    assert shape.fit.good
    assert shape.fit.labels == "own"
    assert not found(shape, 0).faults


@pytest.mark.parametrize(("factor", "says"), [(1, "no factor of T squared"), (2, "a factor of T to the power 1")])
def test_the_square_of_a_fixed_temperature_is_missed_where_the_weights_add_up(factor, says):
    def loss(student_logits, teacher_logits, labels):
        return fixed(student_logits, teacher_logits, labels, factor=factor)

    (fault,) = found(discover(Call(loss), 0), 0).faults
    assert says in fault
    assert "at the fixed T = 2" in fault


def test_a_softmax_along_the_length_is_no_divergence_of_rows():
    def texts(student_logits, teacher_logits, labels):
        """Logits are [batch, seq_len, vocab]."""
        rows = F.kl_div(F.log_softmax(student_logits, dim=1), F.softmax(teacher_logits, dim=1), reduction="none")
        counts = labels != -100
        return (rows.sum(-1) * counts).sum() / counts.sum().clamp_min(1)

    def classes(student_logits, teacher_logits):
        rows = F.kl_div(F.log_softmax(student_logits, dim=1), F.softmax(teacher_logits, dim=1), reduction="none")
        return rows.sum(-1).mean()

    (fault,) = discover(Call(texts), 0).faults
    assert "softmax must go along the last" in fault
    assert not discover(Call(classes), 0).faults


def test_a_mask_is_not_read_against_its_name_for_the_sake_of_the_nearest():
    def loss(student_logits, teacher_logits, mask):
        p, q = teacher_logits.softmax(-1), student_logits.softmax(-1)
        weight = (p - q).abs().sum(-1)
        rows = weight * (p * (p / q).log()).sum(-1) + (1 - weight) * (q * (q / p).log()).sum(-1)
        return (rows * mask).sum() / mask.sum().clamp(min=1)

    shape = discover(Call(loss), 0)
    assert not shape.fit.good
    assert not shape.call.form.flipped


def test_two_settings_of_an_unknown_divergence_are_not_given_one_number():
    def loss(student_logits, teacher_logits, alpha=0.2, beta=0.7):
        p, q = teacher_logits.softmax(-1), student_logits.softmax(-1)
        both = p.pow(alpha) * q.pow(beta) - (alpha * p.pow(alpha + beta) + beta * q.pow(alpha + beta)) / (alpha + beta)
        return -both.sum() / (alpha * beta)

    assert discover(Call(loss), 0).call.form.beta == ""


def test_a_weight_that_a_jsd_lacks():
    def loss(student_logits, teacher_logits, beta=0.5, *, teacher_too=False):
        p, q = teacher_logits.softmax(-1), student_logits.softmax(-1)
        m = (beta * p + (1 - beta) * q).log()
        mine, theirs = (q * (q.log() - m)).sum(), (p * (p.log() - m)).sum()
        return (1 - beta) * mine + theirs if teacher_too else mine + beta * theirs

    assert "second weight" in discover(Call(loss), 0).fit.family.fault
    other = discover(
        Call(
            lambda student_logits, teacher_logits, beta=0.5: loss(
                student_logits, teacher_logits, beta, teacher_too=True
            )
        ),
        0,
    )
    assert "first weight" in other.fit.family.fault


def test_the_search_ends_after_some_forms_that_nothing_explains():
    calls = []

    def loss(p, q, mask):
        calls.append(1)
        return ((p.softmax(-1) - q.softmax(-1)).pow(4).sum(-1) * mask).sum()

    shape = discover(Call(loss), 0)
    assert "stopped after 24 that ran" in shape.notes[-1]
    assert len(calls) <= 24 + 12


def test_the_search_of_a_slow_loss_ends_in_time(monkeypatch):
    monkeypatch.setattr(searching, "SEARCH", 0.2)

    def loss(p, q, mask):
        time.sleep(0.05)
        return ((p.softmax(-1) - q.softmax(-1)).pow(4).sum(-1) * mask).sum()

    shape = discover(Call(loss), 0)
    assert any("stopped after 0.2 s" in note for note in shape.notes)
    assert any("fixed inside were not tried" in note for note in shape.notes)


def test_targets_beside_logits_may_be_softened_already():
    def loss(student_logits, teacher_soft_targets, attention_mask):
        rows = F.kl_div(student_logits.log_softmax(-1), teacher_soft_targets, reduction="none").sum(-1)
        return (rows * attention_mask).sum() / attention_mask.sum()

    told = form(loss)
    assert (told.student, told.teacher) == (Space.LOGITS, Space.PROBS)


def test_a_model_that_is_a_whole_distillation_carries_its_teacher_and_its_settings():
    held: Any = SimpleNamespace(
        teacher_model=lambda: "the teacher", settings={Role.TEMPERATURE: 2.0}, _states=lambda name: None
    )
    names = ("teacher", "temperature", "frobnication")
    assert [Values._carried(held, name) for name in names] == ["the teacher", 2.0, None]
