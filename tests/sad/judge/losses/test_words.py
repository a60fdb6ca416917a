"""The words that a constructor must be handed: one is judged, and what it does with each other one too."""

from __future__ import annotations

import pytest
import torch.nn.functional as F
from torch import nn

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.losses.switches import switches
from sad.judge.losses.words import other_words, word_for, words_for, words_of
from sad.judge.stand_in import NeedsAdapterError
from sad.verdict import Standing


class Right(nn.Module):
    """Distils a causal language model."""

    def __init__(self, mode, temperature=1.0):
        super().__init__()
        self.mode, self.temperature = mode, temperature

    def forward(self, student_logits, teacher_logits, labels):
        keep = labels != -100
        q, p = ((side / self.temperature).log_softmax(-1)[keep] for side in (student_logits, teacher_logits))
        if self.mode == "reverse":
            return self.of(q, p)
        if self.mode == "forward":
            return self.of(p, q)
        raise ValueError(self.mode)

    def of(self, p, q):
        return (p.exp() * (p - q)).sum(-1).mean() * self.temperature**2


class Faulty(Right):
    """Distils a causal language model."""

    def forward(self, student_logits, teacher_logits, labels):
        keep = labels != -100
        q, p = ((side / self.temperature).log_softmax(-1)[keep] for side in (student_logits, teacher_logits))
        if self.mode == "reverse":
            return (q.exp() * (q - p)).mean() * self.temperature**2
        if self.mode == "forward":
            return self.of(p, q)
        raise ValueError(self.mode)


class States(Right):
    """Distils a causal language model."""

    def forward(self, student_logits, teacher_logits, labels):
        if self.mode == "hidden":
            return (student_logits.hidden_states - teacher_logits.hidden_states).square().mean()
        keep = labels != -100
        q, p = ((side / self.temperature).log_softmax(-1)[keep] for side in (student_logits, teacher_logits))
        if self.mode == "forward":
            return self.of(p, q)
        raise ValueError(self.mode)


def test_the_word_for_a_divergence_of_logits_is_given_and_the_others_are_named():
    call = Call(Right)
    assert words_of(call) == {"mode": "forward"}
    assert other_words(call) == {"mode": ["reverse"]}


def test_every_other_word_is_judged_under_the_switches():
    verdict = switches(found(discover(Call(Right), 0), 0))
    assert verdict.holds
    assert "mode=reverse" in verdict.says
    verdict = switches(found(discover(Call(Faulty), 0), 0))
    assert not verdict.holds
    assert "with mode=reverse it is reverse KL: divided by the vocabulary's size" in verdict.says


def test_a_word_for_another_thing_than_logits_is_not_judged():
    verdict = switches(found(discover(Call(States), 0), 0))
    assert verdict.standing is Standing.ALLOWED
    assert "it may need more than that" in verdict.says


@pytest.mark.parametrize(
    ("text", "told", "word"),
    [
        ("if self.kind == 'mse': ...\nelif self.kind == 'kl': ...", ["mse", "kl"], "kl"),
        ("assert kind in ('hard', 'other')", ["hard", "other"], "hard"),
        ("self.kind = kind", [], None),
    ],
)
def test_words_are_those_that_a_source_compares_with(text, told, word):
    assert words_for("kind", text) == told
    assert word_for("kind", text, any_=True) == word


def test_a_loss_that_must_be_handed_no_known_word_is_not_guessed():
    class Names(nn.Module):
        def __init__(self, logit_names):
            super().__init__()
            self.logit_names = logit_names

        def forward(self, student_logits, teacher_logits):
            return sum(F.mse_loss(student_logits[name], teacher_logits[name]) for name in self.logit_names)

    with pytest.raises(NeedsAdapterError, match=r"reads self\.logit_names"):
        discover(Call(Names), 0)
