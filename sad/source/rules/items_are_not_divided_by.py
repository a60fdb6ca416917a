"""A trainer's loss ignores how many labels the whole batch has

## What it looks for
A `compute_loss` that takes `num_items_in_batch`, or `**kwargs`, never reads it, and makes a loss of its own of
`inputs["labels"]`.

## Why
Transformers' Trainer hands over the labels of all micro-batches of a step, and then no longer divides by their number:
a loss that is a mean of its own micro-batch is added up, as many times too large as there are micro-batches, and
micro-batches with few labels weigh as much as those with many.

## Not told where
The file says `model_accepts_loss_kwargs` or `compute_loss_func`, which decide whether the Trainer divides, or speaks of
sequence classification; the inputs are replaced, or hold no labels: the Trainer counts none then, and divides.

## Fix
A sum over the labels, divided by `num_items_in_batch` where it is given; or `self.model_accepts_loss_kwargs = False`.

## Faulty
```python
from transformers import Trainer


class Distiller(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):  # here
        labels = inputs["labels"]
        outputs = model(inputs["input_ids"])
        loss = self.divergence(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss
```

## Right
```python
from transformers import Trainer


class Distiller(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs["labels"]
        outputs = model(inputs["input_ids"])
        loss = self.divergence(outputs.logits, labels) / (num_items_in_batch or (labels != -100).sum())
        return (loss, outputs) if return_outputs else loss
```

## Source
`Trainer.training_step` of Transformers; huggingface/trl#4719; V401 of the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.rule import Level, Sight, SourceRule

GIVEN = "num_items_in_batch"
SAYS = (
    "num_items_in_batch is not used, and the Trainer does not divide once it is given: divide a sum over labels by it"
)
SETTLED = re.compile(r"model_accepts_loss_kwargs|compute_loss_func|SequenceClassification|accepts_loss_kwargs")


def look(code: Code) -> Iterator[Sight]:
    """Yield losses of trainers that are given the number and do not read it."""
    if "compute_loss" not in code.text or SETTLED.search(code.text):
        return
    for function in code.all(ast.FunctionDef):
        arguments = function.args
        named = [one.arg for one in (*arguments.args, *arguments.kwonlyargs)]
        if function.name != "compute_loss" or "return_outputs" not in named[3:4]:
            continue
        given = GIVEN if GIVEN in named else arguments.kwarg.arg if arguments.kwarg else ""
        if given and not _read(function, given) and _takes_labels(function, named[2]):
            yield Sight(function, SAYS)


def _read(function: ast.FunctionDef, name: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(function))


def _takes_labels(function: ast.FunctionDef, inputs: str) -> bool:
    """Return whether the labels come out of the inputs as they were handed over."""
    taken = False
    for one in ast.walk(function):
        if isinstance(one, ast.Name) and one.id == inputs and isinstance(one.ctx, ast.Store):
            return False
        if isinstance(one, ast.Subscript):
            taken |= _is(one.value, inputs) and _labels(one.slice)
        elif isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.args:
            taken |= one.func.attr in ("get", "pop") and _is(one.func.value, inputs) and _labels(one.args[0])
    return taken


def _is(one: ast.expr, name: str) -> bool:
    return isinstance(one, ast.Name) and one.id == name


def _labels(one: ast.expr) -> bool:
    return isinstance(one, ast.Constant) and one.value == "labels"


RULE = SourceRule("S310", "items-are-not-divided-by", Level.LOOK, __doc__, look, ("V401",))
