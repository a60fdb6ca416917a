import runpy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sad.invariants._models import gpt2, llama
from sad.subjects.text_loss import IGNORED, Marks, Text, collated_loss, cross_entropy, labels, padded

RIGHT = runpy.run_path(str(Path(__file__).parent / "right_text_losses.py"))["COMPLETION"]
MEANS = {name: loss for name, loss in RIGHT.items() if name not in {"summed", "mean over texts"}}
TOKENS = st.integers(2, 47)


@st.composite
def texts(draw):
    """Of random lengths, at least one of which has a target; the end mark is 0."""
    found = draw(
        st.lists(
            st.builds(
                lambda prompt, completion: Text(tuple(prompt), (*completion, 0)),
                st.lists(TOKENS, max_size=12),
                st.lists(TOKENS, max_size=12),
            ),
            min_size=1,
            max_size=4,
        )
    )
    return [*found, Text((5, 9), (7, 0))]


def alone(model, one):
    """The summed loss of one text and how many targets it has, as plainly as can be."""
    ids = torch.tensor([one.ids])
    log_p = model(input_ids=ids).logits[0].log_softmax(-1)
    places = range(one.first, len(one.ids))
    return -sum(log_p[i - 1, one.ids[i]] for i in places), len(places)


@pytest.mark.parametrize(("make", "pad"), [(llama, 0), (gpt2, 1)])
@settings(max_examples=15)
@given(some=texts())
def test_every_style_gives_the_plain_loss_of_any_texts(make, pad, some):
    parts = [alone(make(), one) for one in some]
    right = (sum(part for part, _ in parts) / sum(count for _, count in parts)).item()
    for name, loss in MEANS.items():
        assert float(loss(make(), some, Marks(0, pad)).detach()) == pytest.approx(right, rel=1e-5), name


def test_rows_are_filled_up_on_the_right_or_on_the_left():
    assert padded([[1, 2], [3]], 9).tolist() == [[1, 2], [3, 9]]
    assert padded([[1, 2], [3]], 9, left=True).tolist() == [[1, 2], [9, 3]]


def test_the_prompt_is_no_label():
    assert labels(Text((4, 5), (6, 0))) == [IGNORED, IGNORED, 6, 0]


@pytest.mark.parametrize(("text", "first"), [(Text((), (1, 2)), 1), (Text((3,), (1, 2)), 1), (Text((3, 4), (1,)), 2)])
def test_the_first_target_is_the_first_of_the_completion_that_something_precedes(text, first):
    assert text.first == first


def test_no_label_is_a_loss_of_zero_with_a_gradient_of_zero():
    logits = torch.randn(1, 3, 5, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 3), IGNORED), shifted=False)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().sum() == 0


def test_shifted_labels_are_judged_in_their_own_place():
    logits = torch.eye(4)[None] * 50
    same, next_one = torch.tensor([[0, 1, 2, 3]]), torch.tensor([[3, 0, 1, 2]])
    assert cross_entropy(logits, same, shifted=True) < 1e-6
    assert cross_entropy(logits, next_one, shifted=False) < 1e-6
    assert cross_entropy(logits, same, shifted=False) > 40


def test_a_collator_is_judged_by_the_textbook_loss():
    right = runpy.run_path(str(Path(__file__).parent / "right_text_losses.py"))["right_padding"]
    some, marks = [Text((4, 5), (6, 0)), Text((7,), (8, 9, 10, 0))], Marks(0, 1)
    batch = right(some, marks)
    of_the_model = llama()(batch.input_ids, attention_mask=batch.attention_mask, labels=batch.labels).loss
    assert float(collated_loss(right)(llama(), some, marks).detach()) == pytest.approx(float(of_the_model.detach()))
