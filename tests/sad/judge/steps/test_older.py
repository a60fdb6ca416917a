"""Methods of trainers that take no number of items are called without it."""

import transformers

from sad.judge.steps.older import counting_none, without_counts


class Old(transformers.Trainer):
    def compute_loss(self, model, inputs, return_outputs=False):
        return model, inputs, return_outputs

    def training_step(self, model, inputs):
        return model, inputs


class New(transformers.Trainer):
    def compute_loss(self, model, inputs, **more):
        return model, inputs, more


def test_older_methods_are_called_as_they_were():
    assert counting_none(Old) == ("compute_loss", "training_step")
    kind = without_counts(Old)
    made = object.__new__(kind)
    assert kind.compute_loss(made, 1, 2, return_outputs=True, num_items_in_batch=3) == (1, 2, True)
    assert kind.training_step(made, 1, 2, 3) == (1, 2)
    assert counting_none(kind) == ()


def test_newer_ones_stay():
    assert counting_none(New) == counting_none(transformers.Trainer) == ()
