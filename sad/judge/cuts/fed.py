"""What a loop makes of its batches before its model sees them, where that cannot be run here: they are made here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.judge.cuts.slices import loads, stored
from sad.judge.names import LABELS, LATE_LABELS, MASKS, says_labels, tokens

MODEL = {"model", "student", "net", "network", "lm", "gpt", "llm", "bert", "transformer", "engine"}
"""In the names of what a batch is given to."""
OF_TENSORS = {
    *(
        "to",
        "cuda",
        "cpu",
        "long",
        "float",
        "items",
        "values",
        "keys",
        "size",
        "view",
        "reshape",
        "contiguous",
        "clone",
    ),
    *("transpose", "permute", "squeeze", "unsqueeze", "pin_memory", "tuple", "list", "dict", "enumerate", "zip", "len"),
    *("detach", "pop", "get", "t", "flatten", "Variable", "isinstance", "device", "tensor", "zip", "range", "bool"),
}
"""Calls that leave a batch what it is."""
KEYS = ("input_ids", "labels", "attention_mask")


def fed(kept: list[ast.stmt]) -> bool:
    """Let the innermost loop that trains take its ids, labels and mask from a batch, where its program makes them by
    functions of its own. Returns whether anything was left out.
    """
    found = [fed_one for loop in _innermost(kept) if (fed_one := _feeding(loop))]
    for loop, place, new in found:
        loop.body[:place] = new
    return bool(found)


def _innermost(kept: list[ast.stmt]) -> Iterator[ast.For]:
    """The loops over batches that call a model, and none in which such a loop stands."""
    loops = [node for one in kept for node in ast.walk(one) if isinstance(node, ast.For) and _calls_model(node)]
    for loop in loops:
        if not any(other is not loop and other in loops for other in ast.walk(loop)):
            yield loop


def _feeding(loop: ast.For) -> tuple[ast.For, int, list[ast.stmt]] | None:
    place = next((at for at, one in enumerate(loop.body) if _calls_model(one)), 0)
    before, after = loop.body[:place], loop.body[place:]
    if not before or not any(map(_makes, before)):
        return None
    names = [name for name in dict.fromkeys(name for one in before for name in stored(one)) if _is_read(name, after)]
    keys = {name: _key(name) for name in names}
    if not keys or len(set(keys.values())) < len(keys) or "input_ids" not in keys.values():
        return None
    batch = list(stored(loop.target))[-1]
    return loop, place, [one for name, key in keys.items() for one in ast.parse(f"{name} = {batch}[{key!r}]").body]


def _is_read(name: str, after: list[ast.stmt]) -> bool:
    return any(name in loads(one) for one in after)


def _key(name: str) -> str:
    lower = "_".join(tokens(name))
    if lower in LABELS | LATE_LABELS or says_labels(name) or re.search(r"label|target|tgt|^y", lower):
        return KEYS[1]
    return KEYS[2] if lower in MASKS or "mask" in lower else KEYS[0]


def _calls_model(node: ast.AST) -> bool:
    """Whether a model is called in it."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            func = one.func.value if isinstance(one.func, ast.Attribute) and one.func.attr == "forward" else one.func
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            if MODEL & set(tokens(name)):
                return True
    return False


def _makes(one: ast.stmt) -> bool:
    """Whether a statement makes of a batch what only its program can: by a function of its own."""
    for node in ast.walk(one):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name not in OF_TENSORS and isinstance(one, ast.Assign):
                return True
    return False
