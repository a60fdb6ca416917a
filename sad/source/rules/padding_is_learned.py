"""Padding is learned as if it were text

## What it looks for
Labels that are a copy of the `input_ids` of a tokenizer's call with padding, in a file that masks none; and labels
that are -100 for the prompt and then all the rest of padded ids, in a function that masks nothing else.

## Why
The loss counts every place of the padding, which is most of a short row: it falls fast and says nothing, and the
student learns to write padding.

## Not told where
The file has `DataCollatorForLanguageModeling`, which makes the labels anew; for a copy: it has -100 or an ignored id
anywhere; for a masked prompt: the function has -100 for anything else, the rest has an end, or nothing shows that the
ids are padded.

## Fix
`labels[attention_mask == 0] = -100`, or a collator that pads the labels with -100.

## Faulty
```python
def tokenize(examples, tokenizer):
    out = tokenizer(examples["text"], truncation=True, padding="max_length", max_length=512)
    out["labels"] = out["input_ids"].copy()  # here
    return out
```

## Right
```python
def tokenize(examples, tokenizer):
    out = tokenizer(examples["text"], truncation=True, padding="max_length", max_length=512)
    masked = zip(out["input_ids"], out["attention_mask"])
    out["labels"] = [[token if kept else -100 for token, kept in zip(*row)] for row in masked]
    return out
```

## Source
What `sad verify --collator` measures; V306 of the catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import method
from sad.source.rule import Level, Sight, SourceRule

SAYS = "the labels are a copy of ids that are padded, and nothing masks the padding: put -100 where the mask is 0"
MASKS = re.compile(
    r"-\s*100\b|ignore_?(index|id)|IGNORE|DataCollatorForLanguageModeling|DataCollatorForSeq2Seq|label_pad"
)

MANY = re.compile(r"s\b|batch|list|^\[|\[['\"]", re.IGNORECASE)
"""What is tokenized is several texts, or a column: one alone is not padded to the longest."""
ONE = re.compile(r"-100\b|ignore_?(?:index|id)|IGNORE\w*")
PREFIX = re.compile(r"\[(?:-100|\w*(?:ignore_?(?:index|id)|IGNORE)\w*)\] \*")
"""What is not learned of a prompt, ``[-100] * length``, in Python's own spacing."""


def look(code: Code) -> Iterator[Sight]:
    """Yield labels that are padded ids, or a masked prompt and all that follows of padded ids."""
    if "labels" not in code.text or "pad" not in code.text:
        return
    if not MASKS.search(code.text):
        yield from _copies(code)
    elif "DataCollatorForLanguageModeling" not in code.text:
        yield from _rests(code)


def _copies(code: Code) -> Iterator[Sight]:
    for one, target, value in code.assigned:
        if isinstance(target, ast.Subscript) and _is(target.slice, "labels") and _padded(code, value):
            yield Sight(one, SAYS)
    for call in code.all(ast.Call):
        if method(call) in {"update", "dict", "BatchEncoding"}:
            given = (word.value for word in call.keywords if word.arg == "labels")
            yield from (Sight(value, SAYS) for value in given if _padded(code, value))
    for pairs in code.all(ast.Dict):
        for key, value in zip(pairs.keys, pairs.values, strict=True):
            if key is not None and _is(key, "labels") and _padded(code, value):
                yield Sight(value, SAYS)


def _rests(code: Code) -> Iterator[Sight]:
    for one in code.all(ast.BinOp):
        rest = one.right
        whole = isinstance(rest, ast.Subscript) and isinstance(rest.slice, ast.Slice) and rest.slice.upper is None
        if not (whole and isinstance(rest, ast.Subscript) and isinstance(one.op, ast.Add) and _prefix(one.left)):
            continue
        inside = code.function(one)
        text = ast.unparse(inside) if inside is not None else code.text
        if len(PREFIX.findall(text)) == len(ONE.findall(text)) and _filled(code, rest.value):
            yield Sight(one, SAYS)


def _prefix(one: ast.expr) -> bool:
    return bool(PREFIX.fullmatch(ast.unparse(one).partition("*")[0].strip() + " *"))


def _filled(code: Code, ids: ast.expr) -> bool:
    """Return whether ids are padded: by a tokenizer's call, or by ``ids + [pad] * count``."""
    made = code.values(ids) if isinstance(ids, ast.Name) else [ids]
    if not made or None in made:
        return False
    return all(one is not None and (_lengthened(one) or _padded(code, one)) for one in made)


def _lengthened(one: ast.expr) -> bool:
    added = one.right if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Add) else None
    return isinstance(added, ast.BinOp) and isinstance(added.left, ast.List) and "pad" in ast.unparse(added.left)


def _padded(code: Code, value: ast.expr) -> bool:
    """Return whether a value is the ids, or a copy, of a tokenizer's call with padding."""
    while (copied := _copied(value)) is not None:
        value = copied
    while isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Slice):
        value = value.value
    if isinstance(value, ast.Name):
        made = code.values(value)
        return len(made) == 1 and made[0] is not None and not isinstance(made[0], ast.Name) and _padded(code, made[0])
    if isinstance(value, ast.Subscript) and _is(value.slice, "input_ids"):
        held: ast.expr = value.value
    elif isinstance(value, ast.Attribute) and value.attr == "input_ids":
        held = value.value
    else:
        return False
    made = code.values(held) if isinstance(held, ast.Name) else [held]
    return bool(made) and all(isinstance(one, ast.Call) and _pads(one) for one in made)


def _copied(value: ast.expr) -> ast.expr | None:
    """Return what a value is a copy of: ``x.copy()``, ``list(x)``, ``deepcopy(x)``, ``[one[:] for one in x]``."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and not value.args:
        return value.func.value if value.func.attr in ("copy", "clone", "squeeze", "detach") else None
    if isinstance(value, ast.Call) and len(value.args) == 1 and method(value) in ("list", "copy", "deepcopy"):
        return value.args[0]
    if isinstance(value, ast.ListComp) and len(value.generators) == 1 and not value.generators[0].ifs:
        kept: ast.expr | None = value.elt
        while isinstance(kept, ast.Subscript) and ast.unparse(kept.slice) == ":":
            kept = kept.value
        kept = _copied(kept) or kept if kept is not None else None
        same = isinstance(kept, ast.Name) and kept.id == getattr(value.generators[0].target, "id", "")
        return value.generators[0].iter if same else None
    return None


def _pads(call: ast.Call) -> bool:
    settings = {one.arg: one.value for one in call.keywords}
    padding = settings.get("padding")
    told = padding.value if isinstance(padding, ast.Constant) else None
    on = told == "max_length" or (told in (True, "longest") and call.args and MANY.search(ast.unparse(call.args[0])))
    return bool(on) and "token" in ast.unparse(call.func).lower()


def _is(one: ast.expr, word: str) -> bool:
    return isinstance(one, ast.Constant) and one.value == word


RULE = SourceRule("S202", "padding-is-learned", Level.LOOK, __doc__, look, ("V306",))
