from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sad.align import example
from sad.data import batches
from sad.invariants._models import gpt2, llama
from sad.invariants.batch_composition import batch_composition
from sad.invariants.target_alignment import target_alignment
from sad.models import forward
from sad.shipped.text_loss import distillation_loss, language_model_loss, packed_language_model_loss
from sad.subjects.text_loss import Marks, Text

MARKS = Marks(eos=0, pad=0)
TOKENS = st.lists(st.integers(2, 47), min_size=1, max_size=9)


@pytest.mark.parametrize("make", [llama, gpt2])
@settings(max_examples=15)
@given(some=st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=3))
def test_it_is_the_cross_entropy_of_the_completions(make, some):
    texts = [Text(tuple(prompt), (*completion, 0)) for prompt, completion in some]
    nats, count = 0.0, 0
    for text in texts:
        log_p = make()(input_ids=torch.tensor([text.ids])).logits[0].log_softmax(-1)
        for place in range(len(text.prompt), len(text.ids)):
            nats, count = nats - log_p[place - 1, text.ids[place]].item(), count + 1
    assert language_model_loss()(make(), texts, MARKS).item() == pytest.approx(nats / count, rel=1e-5)


def test_a_completion_without_an_end_mark_has_none():
    loss = language_model_loss()(llama(), [Text((5,), (6, 7))], MARKS)
    log_p = llama()(input_ids=torch.tensor([[5, 6, 7]])).logits[0].log_softmax(-1)
    assert loss.item() == pytest.approx(-(log_p[0, 6] + log_p[1, 7]).item() / 2, rel=1e-5)


def test_the_distillation_loss_has_a_gradient_and_is_the_same_twice():
    texts = [Text((5, 9), (6, 7, 0)), Text((), (8, 3, 0))]
    first, second = (distillation_loss()(llama(), texts, MARKS) for _ in range(2))
    assert first.item() == second.item()
    (gradient,) = torch.autograd.grad(first, llama().get_output_embeddings().weight)
    assert gradient.abs().sum() > 0


def test_its_parts_are_told_apart():
    """The distillation loss is more than half the language-model loss: the other terms are in it."""
    texts = [Text((5, 9), (6, 7, 0))]
    assert distillation_loss()(llama(), texts, MARKS) > 0.5 * language_model_loss()(llama(), texts, MARKS) + 0.1


def test_a_range_that_is_learned_a_token_too_early_is_named(monkeypatch):
    within = example._within
    monkeypatch.setattr(example, "_within", lambda starts, stops, learned: within(starts + 1, stops + 1, learned))
    assert "of a prompt" in target_alignment(language_model_loss()).says


def test_packed_texts_that_see_each_other_are_named_in_attention_by_its_formula(monkeypatch):
    monkeypatch.setattr(
        forward, "block_mask", lambda text: torch.ones(*text.shape, text.shape[1]).bool().tril()[:, None]
    )
    assert not batch_composition(packed_language_model_loss()).holds


def test_rows_of_two_texts_that_are_taken_for_rows_of_one_are_named(monkeypatch):
    shipped = batches._laid

    def one(rows, pad):
        made = shipped(rows, pad)
        return replace(made, position_ids=None, text=None) if all(len(of) == 2 for of in rows) else made

    monkeypatch.setattr(batches, "_laid", one)
    assert not batch_composition(packed_language_model_loss()).holds


def test_one_long_row_whose_positions_are_not_told_is_named(monkeypatch):
    asked = forward._asked

    def counted_through(model, tokens):
        found = asked(model, tokens)
        if found["input_ids"].shape == tokens.input_ids.shape:
            return found
        return found | {"position_ids": torch.arange(found["input_ids"].shape[1])[None]}

    monkeypatch.setattr(forward, "_asked", counted_through)
    texts = [Text((5, 9), (7, 30, 0)), Text((6,), (8, 31, 12, 0)), Text((21,), (14, 3, 0)), Text((4,), (9, 0))]
    with pytest.raises(AssertionError, match="where attention finds texts by their positions"):
        packed_language_model_loss()(llama(), texts, MARKS)
