"""Losses that ignore the count, and where the Trainer divides all the same."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.items_are_not_divided_by import RULE

TEXT = """
class Distiller(Trainer):
    {init}
    def compute_loss(self, model, inputs, return_outputs=False, {given}):
        {body}
"""
PLAIN = {"init": "pass", "given": "num_items_in_batch=None", "body": "return kd(model(**inputs), inputs['labels'])"}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({}, True),
        ({"given": "**kwargs"}, True),
        ({"body": "return kd(model(**inputs), inputs.pop('labels'))"}, True),
        ({"body": "return kd(model(**inputs), inputs['labels']) / num_items_in_batch"}, False),
        ({"given": "**kwargs", "body": "return kd(inputs['labels'], **kwargs)"}, False),
        ({"given": "other=None"}, False),
        ({"init": "model_accepts_loss_kwargs = False"}, False),
        ({"init": "kind = AutoModelForSequenceClassification"}, False),
        ({"body": "return dpo(model, inputs['chosen'])"}, False),
        ({"body": "inputs = rebuilt(inputs); return kd(inputs['labels'])"}, False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(TEXT.format(**PLAIN | text), "a.py", [RULE])) is seen
