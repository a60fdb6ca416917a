"""The forms of batches, and the models that each is read by."""

from __future__ import annotations

import pytest
import torch

from sad.judge.steps.forms import CLASSES, FORMS, Named, parts, wrapped
from sad.judge.steps.model import Bigram, batch


def test_a_form_says_what_models_return():
    model, ids = Bigram(1), torch.tensor([[1, 2, 3], [4, 5, 6]])
    kinds = [type(wrapped(form, model)).__name__ for form in FORMS]
    assert kinds == ["Bigram"] * 5 + ["Bare"] * 3 + ["Bigram", "Bare", "First", "Bare", "Told", "Bigram"]
    assert torch.equal(wrapped(CLASSES, model)(ids), model(ids).logits[:, 0])
    with pytest.raises(TypeError, match="no ids"):
        model()


def test_a_batch_is_known_by_other_names_too():
    some = Named(batch([torch.tensor([1, 2, 3])]))
    assert some["targets"] is some["labels"]
    assert some["source_mask"] is some["attention_mask"]
    assert torch.equal(some["token_type_ids"], torch.zeros_like(some["input_ids"]))
    assert some["teacher_labels"] is some["labels"]
    with pytest.raises(KeyError, match="unheard"):
        some["unheard"]


def test_a_batch_is_taken_apart_for_a_step_that_takes_its_parts():
    some = batch([torch.tensor([1, 2, 3])])
    assert parts(some)["targets"] is some["labels"]
    assert parts(some)["mask"] is some["attention_mask"]
    ids, mask, labels = torch.ones(3, 1, 2)
    of = parts((ids, mask, labels))
    assert (of["x"][0] is ids, of["x"][1] is mask, of["y"] is labels) == (True, True, True)
    assert parts((ids, labels))["x"] is ids
