"""Samplers that shuffle for training."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.epochs_have_one_order import RULE

TEXT = """
def train(model, data, optimizer, args):
    {sampler}
    for epoch in range(args.epochs):
        {begin}
        for batch in loader:
            model(batch).backward()
"""
PLAIN = {"sampler": "sampler = DistributedSampler(data)", "begin": "pass"}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ({}, True),
        ({"sampler": "s = RandomSampler(d) if alone else torch.utils.data.DistributedSampler(d, shuffle=True)"}, True),
        ({"sampler": "s = DistributedSampler(data, shuffle=False)"}, False),
        ({"sampler": "s = DistributedSampler(data, shuffle=args.shuffle)"}, False),
        ({"sampler": "s = DistributedSampler(data, 2, 0, False)"}, False),
        ({"sampler": "eval_sampler = DistributedSampler(data)"}, False),
        ({"sampler": "s = DistributedSampler(test_set)"}, False),
        ({"begin": "sampler.set_epoch(epoch)"}, False),
        ({"sampler": "pass", "begin": "sampler = DistributedSampler(data)"}, True),
        ({"sampler": "pass", "begin": "part = read(epoch); sampler = DistributedSampler(part)"}, False),
    ],
)
def test_what_is_seen(text, seen):
    assert bool(of_text(TEXT.format(**PLAIN | text), "a.py", [RULE])) is seen


def test_a_loop_over_epochs_in_another_file_may_tell():
    text = "sampler = DistributedSampler(data)\nfor batch in loader:\n    loss.backward()\n"
    assert not of_text(text, "a.py", [RULE])
