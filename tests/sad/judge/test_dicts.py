"""What stands in for a batch and for an output."""

from __future__ import annotations

import pytest
import torch

from sad.judge.dicts import Batch, Output, anew, unpacked
from sad.judge.missing import Placeholder


def test_names_beside_the_keys_are_answered_where_they_are_asked_for():
    batch = Batch(labels=1).also({"teacher_logits": 5}.get)
    assert batch.pop("teacher_logits") == batch["teacher_logits"] == batch.get("teacher_logits") == 5
    # a model that is given the batch does not get them
    assert {**batch} == {"labels": 1}
    assert batch.pop("nosuch", 3) == 3
    for asking in (batch.pop, batch.__getitem__):
        with pytest.raises(KeyError):
            asking("nosuch")


def test_a_batch_has_its_keys_as_attributes_and_is_where_it_should_be():
    batch = Batch(labels=1)
    assert batch.to("cuda", non_blocking=True) is batch
    assert batch.labels == 1
    with pytest.raises(AttributeError, match="nosuch"):
        batch.nosuch  # noqa: B018 - asked for


def test_an_output_is_unpacked_with_its_logits_first():
    first, second = Output(loss=1, logits=2)
    assert (first, second) == (2, 1)
    one, two = Placeholder("a")
    assert one is not two
    assert unpacked.__module__ == Batch.__module__


def test_a_batch_made_anew_is_the_same_and_shares_nothing():
    one = ([Batch(labels=torch.zeros(2)).also({"aside": 3}.get)], "name")
    other = anew(one)
    assert other[1] == "name"
    assert other[0][0]["aside"] == 3
    assert type(other[0][0]) is Batch
    other[0][0].pop("labels").add_(1)
    assert one[0][0].labels.tolist() == [0, 0]
