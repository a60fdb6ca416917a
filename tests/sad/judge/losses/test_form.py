"""The form of a call says nothing but what is not usual."""

from __future__ import annotations

from dataclasses import replace

from sad.judge.losses.form import Form
from sad.judge.roles import Space


def test_what_is_usual_is_logits_of_texts_as_they_are():
    form = Form()
    assert (form.rank, form.student, form.teacher) == (3, Space.LOGITS, Space.LOGITS)
    assert not any((form.chunks, form.outputs, form.pairs, form.swapped, form.flipped, form.column, form.longer))
    assert replace(form, rank=2) != form
