"""Whether a loss takes its distributions along another axis than the vocabulary's."""

from __future__ import annotations

from dataclasses import replace

from sad.judge.losses.call import Call
from sad.judge.losses.discover import explained
from sad.judge.losses.sample import Sample
from sad.subjects.divergence import Given


def along(of: Sample, call: Call) -> str:
    """Say along which other axis it is a known divergence; '' where along none."""
    if call.form.rank == 4:
        return _cut_across(of, call)
    flat = call.form.rank == 2
    axes = ((1, "rows of [rows, vocab]"),) if flat else ((1, "length of [batch, length, vocab]"), (0, "batch"))
    for axis, name in axes:
        student, teacher, gradient = (
            (x.flatten(0, 1)[None] if flat else x).transpose(axis, 2).contiguous()
            for x in (of.given.student_logits, of.given.teacher_logits, of.gradient)
        )
        turned = Given(student, teacher, None, of.given.temperature, of.given.beta)
        found = explained(replace(of, given=turned, gradient=gradient), call)
        if found.good and not found.family.fault:
            return f"it is {found.family.name} along the {name}: softmax must go along the last axis, the vocabulary"
    return ""


def _cut_across(of: Sample, call: Call) -> str:
    """Say that logits of [batch, vocab, height, width] are cut into rows where they stand, the vocabulary not last."""
    student, teacher, gradient = (
        x.transpose(1, 2).reshape(1, -1, x.shape[-1])
        for x in (of.given.student_logits, of.given.teacher_logits, of.gradient)
    )
    cut = Given(student, teacher, None, of.given.temperature, of.given.beta)
    found = explained(replace(of, given=cut, gradient=gradient), call)
    if not found.good or found.family.fault:
        return ""
    return (
        f"it is {found.family.name} of rows that [batch, vocab, height, width] is cut into as it stands: one row has "
        "entries of several places; move the vocabulary's axis last before, as by permute(0, 2, 3, 1)"
    )
