"""A perplexity is the exponential of a mean of batches' means

## What it looks for
`exp` of a sum of batches' losses divided by their number, `len(loader)` or a count of them, or of the mean of a list
of such losses whose labels are masked with -100.

## Why
A batch with few labels weighs as much as one with many: the perplexity is not that of the texts, and changes with the
size of a batch and the order of texts.

## Not told where
Losses are multiplied by their labels, `len(...)` is not what the losses were added up over, or the file cuts texts into
blocks of one size (`block_size`, `seq_len` and the like): means of equal batches are right but for the last.

## Fix
Add up the sum of the losses, and the labels that count; divide once, at the end.

## Faulty
```python
import math


def evaluate(model, loader):
    total = 0
    for batch in loader:
        total += model(**batch).loss.item()
    return math.exp(total / len(loader))  # here
```

## Right
```python
import math


def evaluate(model, loader):
    total = count = 0
    for batch in loader:
        labels = (batch["labels"][:, 1:] != -100).sum().item()
        total += model(**batch).loss.item() * labels
        count += labels
    return math.exp(total / count)
```

## Source
V704 of the catalogue; "Perplexity of fixed-length models" in Transformers' documentation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import loop_of, method
from sad.source.rule import Level, Sight, SourceRule

SAYS = "a mean of batches' means: divide the sum of the losses of all labels by their number, and take exp of that"
BLOCKS = re.compile(
    r"block_size|seq_?len|group_texts|bptt|n_ctx|context_len|max_seq|chunk_size|nsamples"
    r"|\bin (enumerate\()?(blocks|chunks|windows)\b"
)
LOSS = re.compile(r"loss|nll|neg_log_likelihood|(^|[^a-z])ce([^a-z]|$)", re.IGNORECASE)
PASSED = {"float", "item", "detach", "cpu", "tensor", "as_tensor", "to", "double", "mean"}
MASKED = re.compile(r"=\s*-100\b")
DEEP = 6


def look(code: Code) -> Iterator[Sight]:
    """Yield exponentials of means over batches."""
    if "exp(" not in code.text:
        return
    for call in code.all(ast.Call):
        if method(call) != "exp" or len(call.args) > 1:
            continue
        of = call.args[0] if call.args else call.func.value if isinstance(call.func, ast.Attribute) else None
        if of is not None and _mean(code, of):
            yield Sight(call, SAYS)


def _mean(code: Code, of: ast.expr, deep: int = 0) -> bool:
    if deep > DEEP:
        return False
    if isinstance(of, ast.Name):
        return any(one is not None and _mean(code, one, deep + 1) for one in code.values(of))
    if isinstance(of, ast.BinOp) and isinstance(of.op, ast.Div):
        return isinstance(of.left, ast.Name) and not BLOCKS.search(code.text) and _by_batches(code, of.left, of.right)
    if isinstance(of, ast.Call):
        if method(of) == "mean" and _masked(code, of):
            return True
        inner = of.args[:1] or ([of.func.value] if isinstance(of.func, ast.Attribute) else [])
        return method(of) in PASSED and any(_mean(code, one, deep + 1) for one in inner)
    return False


def _by_batches(code: Code, total: ast.Name, length: ast.expr) -> bool:
    """Return whether the sum has one loss a batch, and is divided by their number."""
    of_len = isinstance(length, ast.Call) and method(length) == "len" and len(length.args) == 1
    over = ast.unparse(length.args[0]) if of_len and isinstance(length, ast.Call) else ""
    counted = [loop_of(code, one) for one, by in _added_to(code, length) if ast.unparse(by) == "1"]
    if re.search(r"token|word|char", over):
        return False  # a loss for each of these
    for one, value in _added_to(code, total):
        loop = loop_of(code, one)
        plain = LOSS.search(ast.unparse(value)) and not _weighted(code, value)
        if not (isinstance(loop, ast.For) and plain):
            continue
        walked = ast.unparse(loop.iter)
        if (over and over in walked) or (counted == [loop] and "range(" not in walked):
            return True  # of a range the pieces are mostly of one length
    return False


def _added_to(code: Code, total: ast.expr) -> Iterator[tuple[ast.stmt, ast.expr]]:
    """Yield what the function adds to a sum."""
    if isinstance(total, ast.Name):
        for one, target, value in code.added:
            if ast.unparse(target) == total.id and code.function(one) is code.function(total):
                yield one, value


def _weighted(code: Code, value: ast.expr, deep: int = 0) -> bool:
    """Return whether a loss is multiplied by something, or is a sum."""
    if "sum" in ast.unparse(value) or any(isinstance(one, ast.BinOp) for one in ast.walk(value)):
        return True
    named = [one for one in ast.walk(value) if isinstance(one, ast.Name)]
    made = [one for name in named for one in code.values(name) if one is not None] if deep < 2 else []
    return any(_weighted(code, one, deep + 1) for one in made)


def _masked(code: Code, of: ast.Call) -> bool:
    """Return whether it is the mean of a list of losses, in a function that masks labels."""
    inside = code.function(of)
    held = ast.unparse(of)
    if inside is None or not re.search(r"stack\(|tensor\(|cat\(|np\.mean\(|numpy\.mean\(", held):
        return False
    listed = {one.id for one in ast.walk(of) if isinstance(one, ast.Name)}
    for call in code.all(ast.Call):
        if code.function(call) is not inside or method(call) != "append" or not isinstance(call.func, ast.Attribute):
            continue
        if ast.unparse(call.func.value) in listed and LOSS.search(held):
            plain = not any(_weighted(code, one) for one in call.args)
            return plain and bool(MASKED.search(ast.unparse(inside)))
    return False


RULE = SourceRule("S402", "perplexity-of-unequal-batches", Level.LOOK, __doc__, look, ("V704",))
