"""Every place that has a label is an example of one class, whose logits are known."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange
import torch

from sad.invariants.token_weighted import made_texts, padded
from sad.judge.evaluators.classes import CLASSES, Last, examples
from sad.subjects.metric import Scored
from sad.verdict import Standing


def test_examples_are_the_places_that_have_a_label():
    texts = made_texts(1.0)
    empty = Scored(*(x[:, :1] for x in (texts[0].student_logits, texts[0].teacher_logits, texts[0].labels)))
    model, _, rows = examples([padded(texts), empty, texts[0]])
    assert [len(one.labels) for one in rows] == [64, 3]
    assert rows[1].ids[0] == 64
    logits = model.eval()(rows[1].ids).logits
    assert torch.equal(logits[:1], texts[0].student_logits[0, : len(logits)][:1])
    assert model(rows[1].ids, labels=rows[1].labels).loss > 0
    assert Last(model)(rows[1].ids).shape == (3, 1, 24)


def test_forms_say_what_they_are():
    assert all("class" in form.says for form in CLASSES)


@pytest.mark.parametrize("name", ["share_of_classes", "all_that_is_read"])
def test_right_ones_of_classes_and_of_all_that_is_read_have_no_broken_line(name):
    what, lines = strange.judged(Path(__file__).parent / "asking_evaluators.py", name, "evaluator")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
