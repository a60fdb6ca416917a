"""The end mark is masked as padding

## What it looks for
A file that sets a tokenizer's padding mark to its end mark, and masks labels by comparing ids with that tokenizer's
padding mark.

## Why
Of every text the end mark is masked too: no label says that a text ends, and the student never stops.

## Not told where
The tokenizer of the comparison is not named as the one whose padding mark was set, or the two are in two files. An
attention mask made so is not told: it hides the end mark too, which does no harm behind the last text of a row.

## Fix
Mask by length: by the attention mask that the tokenizer gives, before anything is padded.

## Faulty
```python
def collate(texts, tokenizer):
    tokenizer.pad_token = tokenizer.eos_token
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    labels = batch["input_ids"].clone()
    labels[labels == tokenizer.pad_token_id] = -100  # here
    return {**batch, "labels": labels}
```

## Right
```python
def collate(texts, tokenizer):
    tokenizer.pad_token = tokenizer.eos_token
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    labels = batch["input_ids"].clone()
    labels[batch["attention_mask"] == 0] = -100
    return {**batch, "labels": labels}
```

## Source
huggingface/trl#3200 and huggingface/transformers#23530; V301 of the catalogue.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import last_name, method
from sad.source.rule import Level, Sight, SourceRule

SAYS = "the padding mark is the end mark here, and no label is left that says where a text ends: mask by length"
PADDING, END = ("pad_token_id", "pad_token"), ("eos_token_id", "eos_token")


def look(code: Code) -> Iterator[Sight]:
    """Yield masks by the padding mark of tokenizers that pad with the end mark."""
    owners = {owner for one in code.all(ast.Assign) if (owner := _padded_with_the_end(one))}
    if not owners:
        return
    for test, held in _masked(code):
        if _asks(code, test, owners, held=held):
            yield Sight(test, SAYS)


def _padded_with_the_end(one: ast.Assign) -> str:
    """Return the tokenizer whose padding mark is set to its end mark; "" if that is not what is assigned."""
    target, value = one.targets[0], one.value
    if not (isinstance(target, ast.Attribute) and target.attr in PADDING):
        return ""
    return last_name(target.value) if isinstance(value, ast.Attribute) and value.attr in END else ""


def _asks(code: Code, test: ast.expr, owners: set[str], *, held: bool) -> bool:
    """Return whether a test is, by every way to it, that an id is the padding mark; that it is not where not held."""
    if isinstance(test, ast.Name):
        made = code.values(test)
        return len(made) == 1 and made[0] is not None and _asks(code, made[0], owners, held=held)
    if not (isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq if held else ast.NotEq)):
        return False
    sides = (test.left, test.comparators[0])
    return len(test.ops) == 1 and any(_padding_of(one) in owners for one in sides)


def _padding_of(one: ast.expr) -> str:
    return last_name(one.value) if isinstance(one, ast.Attribute) and one.attr == "pad_token_id" else ""


def _masked(code: Code) -> Iterator[tuple[ast.expr, bool]]:
    """Yield where -100 is put: the test, and whether it is put where the test is true."""
    for _, target, value in code.assigned:
        if isinstance(target, ast.Subscript) and _ignored(value):
            yield target.slice, True
    for call in code.all(ast.Call):
        if call.args and method(call) in ("masked_fill", "masked_fill_") and any(map(_ignored, call.args)):
            yield from ((one, True) for one in call.args)
        elif method(call) == "where" and len(call.args) >= 2 and any(map(_ignored, call.args)):
            yield call.args[0], not _ignored(call.args[-1])
    for one in code.all(ast.IfExp):
        if _ignored(one.body) or _ignored(one.orelse):
            yield one.test, _ignored(one.body)


def _ignored(value: ast.expr) -> bool:
    return ast.unparse(value) == "-100" or "ignore" in last_name(value).lower()


RULE = SourceRule("S201", "end-mark-taken-for-padding", Level.LOOK, __doc__, look, ("V301",))
